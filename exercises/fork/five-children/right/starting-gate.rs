//! The children wait at the end of a pipe until all of them are there, and begin at the same time.

use nix::sys::wait::wait;
use nix::unistd::{ForkResult, fork, pipe, read};
use std::io::Read as _;
use std::process::ExitCode;

fn main() -> ExitCode {
    let Some(count) = std::env::args().nth(1).and_then(|text| text.parse().ok()) else {
        eprintln!("five-children: expected a number of children, such as 5");
        return ExitCode::from(2);
    };
    match fan_out(count) {
        Ok(()) => {
            println!("all children have ended");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("five-children: {error}");
            ExitCode::from(2)
        }
    }
}

fn fan_out(count: u8) -> nix::Result<()> {
    let (gate, opens) = pipe()?;
    for number in 1..=count {
        // SAFETY: this program has one thread.
        if let ForkResult::Child = unsafe { fork() }? {
            drop(opens);
            let code = read(&gate, &mut [0]).map_or(1, |_| stay(number));
            std::process::exit(code.into())
        }
    }
    drop((gate, opens));
    for _ in 0..count {
        wait()?;
    }
    Ok(())
}

/// A child's part: says who it is and stays until standard input ends. What it returns is the child's exit code.
fn stay(number: u8) -> u8 {
    println!(
        "child {number} is pid {}, made by pid {}",
        std::process::id(),
        std::os::unix::process::parent_id()
    );
    match std::io::stdin().read_to_end(&mut Vec::new()) {
        Ok(_) => 0,
        Err(_) => 1,
    }
}
