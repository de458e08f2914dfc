//! The parent sleeps until SIGCHLD comes, which is held back since before the fork.

use nix::sys::signal::{SigSet, Signal};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
use nix::unistd::{ForkResult, fork};
use std::process::ExitCode;

fn main() -> ExitCode {
    match relay() {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("two-branches: {error}");
            ExitCode::from(2)
        }
    }
}

fn relay() -> nix::Result<u8> {
    let ends = SigSet::from(Signal::SIGCHLD);
    ends.thread_block()?;
    // SAFETY: this program has one thread.
    match unsafe { fork() }? {
        ForkResult::Child => std::process::exit(read_code().into()),
        ForkResult::Parent { child } => {
            ends.wait()?;
            match waitid(Id::Pid(child), WaitPidFlag::WEXITED)? {
                WaitStatus::Exited(_, code) => Ok(u8::try_from(code).unwrap_or(2)),
                _ => Ok(2),
            }
        }
    }
}

/// The child's part: reads a number from 0 to 255 from standard input.
fn read_code() -> u8 {
    let text = std::io::read_to_string(std::io::stdin()).unwrap_or_default();
    text.trim().parse().unwrap_or_else(|_| {
        eprintln!("two-branches: expected a number from 0 to 255, got {text:?}");
        std::process::exit(2)
    })
}
