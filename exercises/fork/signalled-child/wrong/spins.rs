//! It asks until it is told.
//! Told: "The parent spins"

use nix::sys::signal::{Signal, raise};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
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

fn tell_of(child: Pid) -> nix::Result<u8> {
    loop {
        match waitpid(child, Some(WaitPidFlag::WNOHANG))? {
            WaitStatus::Exited(_, code) => return Ok(u8::try_from(code).unwrap_or(1)),
            WaitStatus::Signaled(_, signal, _) => {
                return Ok(128 + u8::try_from(signal as i32).unwrap_or(0));
            }
            _ => {}
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
