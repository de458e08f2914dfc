//! two-branches: forks; the child exits with a number that only it reads, and the parent with the same.
//!
//! The tempting mistake is to read the number first and fork then: both have it, the parent exits with it, and the
//! shell shows the right one. But then the parent has learned nothing from its child. It may be gone before the
//! child has even started, and a child that was killed would be reported as well. Here the code goes the long
//! way: the child's exit hands it to the kernel, which keeps it, with the zombie, until `waitpid` asks.
//!
//! The second temptation is to take the status that wait(2) fills in for the exit code. It is a packed word, and
//! the code sits in its second byte; `WaitStatus` unpacks it, and makes us say what to do with a child that
//! was killed: 128 + n, as the shell does.

use nix::sys::wait::{WaitStatus, waitpid};
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

/// Forks. The child exits with what `read_code` gives it; the parent waits for the child, and returns
/// the code that it exited with.
///
/// Returns in the parent only: the child's life ends in here.
fn relay() -> nix::Result<u8> {
    // SAFETY: this program has one thread.
    let child = match unsafe { fork() }? {
        ForkResult::Child => std::process::exit(read_code().into()),
        ForkResult::Parent { child } => child,
    };
    loop {
        match waitpid(child, None) {
            // A status is one byte wide where the code is, so this never cuts anything off.
            Ok(WaitStatus::Exited(_, code)) => return Ok(code as u8),
            Ok(WaitStatus::Signaled(_, signal, _)) => return Ok(128 + signal as u8),
            // Stopped or continued: it lives. Interrupted: nothing has happened yet.
            Ok(_) | Err(nix::errno::Errno::EINTR) => {}
            Err(error) => return Err(error),
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
