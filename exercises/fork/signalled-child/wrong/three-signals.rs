//! Knows three signals by name, and takes every other one for SIGTERM.
//! Told: "was to be told as 129"

use nix::errno::Errno;
use nix::sys::signal::{Signal, raise};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid, fork};
use std::process::ExitCode;

fn main() -> ExitCode {
    // SAFETY: this program has one thread.
    let told = match unsafe { fork() } {
        Ok(ForkResult::Child) => obey(),
        Ok(ForkResult::Parent { child }) => tell_of(child),
        Err(error) => Err(error),
    };
    match told {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("signalled-child: {error}");
            ExitCode::from(2)
        }
    }
}

/// Waits until the child has ended. Returns the code that it exited with, or, if a signal killed it, 128 + the signal's number.
fn tell_of(child: Pid) -> nix::Result<u8> {
    loop {
        match waitpid(child, None) {
            // Eight bits, by definition.
            Ok(WaitStatus::Exited(_, code)) => return Ok(code as u8),
            Ok(WaitStatus::Signaled(_, Signal::SIGKILL, _)) => return Ok(137),
            Ok(WaitStatus::Signaled(_, Signal::SIGABRT, _)) => return Ok(134),
            Ok(WaitStatus::Signaled(..)) => return Ok(143),
            // Stopped or continued: it lives. Interrupted: nothing has happened yet.
            Ok(_) | Err(Errno::EINTR) => {}
            Err(error) => return Err(error),
        }
    }
}

/// The child's part: reads an order from standard input, `exit CODE`, `kill SIGNAL` or `stop CODE`, and does it to itself. A
/// child that was stopped exits with CODE when it is continued.
fn obey() -> nix::Result<u8> {
    let order = std::io::read_to_string(std::io::stdin()).unwrap_or_default();
    let (what, number) = order.trim().split_once(' ').unwrap_or_default();
    let Ok(number) = number.parse::<u8>() else {
        eprintln!("signalled-child: expected an order such as `kill 15`, got {order:?}");
        return Ok(2);
    };
    match what {
        "kill" => raise(Signal::try_from(i32::from(number))?)?,
        "stop" => raise(Signal::SIGSTOP)?,
        _ => {}
    }
    Ok(number)
}
