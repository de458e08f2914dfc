//! signalled-child: its child does to itself what standard input says; the program tells how that ended, as a shell would.
//!
//! The tempting mistake is to look for the exit code only, and to take everything else for 0. A child that was killed has
//! no exit code: `WEXITSTATUS` of its status is 0, and a crash is reported as a success. So ask first how it ended;
//! `WaitStatus` makes us say what to do in each case.
//!
//! The second one is to take whatever `waitpid` returns for the end. Asked with WUNTRACED or WCONTINUED it also tells of a
//! stop, after which the child is still there. Without them it doesn't, but a loop costs nothing and is right with any flags.
//!
//! nix has names for the first 31 signals. If a real-time signal kills the child, nix's `waitpid` reaps it and answers EINVAL; who
//! must tell of those, too, takes `libc::waitpid` and `WTERMSIG`, as the chapter's own library does.

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
            Ok(WaitStatus::Signaled(_, signal, _)) => return Ok(128 + signal as u8),
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
