//! The parent gives its standard input back, and a signalfd gets the number 0.

use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{ForkResult, close, fork};
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
            close(0)?;
            let signals = SignalFd::with_flags(&ends, SfdFlags::SFD_CLOEXEC)?;
            loop {
                match waitpid(child, Some(WaitPidFlag::WNOHANG))? {
                    WaitStatus::Exited(_, code) => return Ok(u8::try_from(code).unwrap_or(2)),
                    WaitStatus::StillAlive => drop(signals.read_signal()?),
                    _ => return Ok(2),
                }
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
