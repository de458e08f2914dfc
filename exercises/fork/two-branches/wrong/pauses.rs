//! It waits for SIGCHLD, which may have come before.
//! Told: "P1 is blocked in pause()"

use nix::sys::signal::{SigHandler, Signal, signal};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, fork, pause};
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

extern "C" fn on_child(_: libc::c_int) {}

fn relay() -> nix::Result<u8> {
    // SAFETY: the handler does nothing.
    unsafe { signal(Signal::SIGCHLD, SigHandler::Handler(on_child)) }?;
    // SAFETY: this program has one thread.
    match unsafe { fork() }? {
        ForkResult::Child => std::process::exit(read_code().into()),
        ForkResult::Parent { child } => {
            pause();
            match waitpid(child, None)? {
                WaitStatus::Exited(_, code) => Ok(u8::try_from(code).unwrap_or(2)),
                _ => Ok(2),
            }
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
