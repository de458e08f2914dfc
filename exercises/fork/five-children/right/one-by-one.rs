//! Makes the next child when the last one has said by a pipe that it has begun.

use nix::sys::wait::wait;
use nix::unistd::{ForkResult, fork, pipe, read, write};
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
    for number in 1..=count {
        let (told, tells) = pipe()?;
        // SAFETY: this program has one thread.
        if let ForkResult::Child = unsafe { fork() }? {
            drop(told);
            let code = write(&tells, b"!").map_or(1, |_| stay(number));
            std::process::exit(code.into())
        }
        drop(tells);
        read(&told, &mut [0])?;
    }
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
