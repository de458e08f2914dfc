//! The parent hears the end of standard input itself, and ends its children.
//! Told: "never comes to its own end: a signal kills it"

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

/// A child's part: says who it is and stays until standard input ends. What it returns is the child's exit code.
#[allow(dead_code, reason = "until `fan_out` calls it")]
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

fn fan_out(count: u8) -> nix::Result<()> {
    use nix::{
        sys::{
            signal::{Signal, kill},
            wait::waitpid,
        },
        unistd::{ForkResult, fork},
    };
    let mut pids = vec![];
    for n in 1..=count {
        // SAFETY: this program has one thread.
        match unsafe { fork() }? {
            ForkResult::Child => std::process::exit(stay(n).into()),
            ForkResult::Parent { child } => pids.push(child),
        }
    }
    std::io::stdin().read_to_end(&mut vec![]).expect("a pipe");
    for p in pids {
        let _ = kill(p, Signal::SIGTERM);
        waitpid(p, None)?;
    }
    Ok(())
}
