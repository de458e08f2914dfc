//! Parked for a while, it looks, and parks again.
//! Told: "fails with ETIMEDOUT: it took too long"

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

/// The child's part: reads a number from 0 to 255 from standard input.
#[allow(dead_code, reason = "until `relay` calls it")]
fn read_code() -> u8 {
    let text = std::io::read_to_string(std::io::stdin()).unwrap_or_default();
    text.trim().parse().unwrap_or_else(|_| {
        eprintln!("two-branches: expected a number from 0 to 255, got {text:?}");
        std::process::exit(2)
    })
}

fn relay() -> nix::Result<u8> {
    use nix::{
        sys::wait::{WaitPidFlag, WaitStatus, waitpid},
        unistd::{ForkResult, fork},
    };
    // SAFETY: this program has one thread.
    let ForkResult::Parent { child } = unsafe { fork() }? else {
        std::process::exit(read_code().into())
    };
    loop {
        if let WaitStatus::Exited(_, c) = waitpid(child, Some(WaitPidFlag::WNOHANG))? {
            return Ok(c as u8);
        }
        std::thread::park_timeout(std::time::Duration::from_millis(200));
    }
}
