//! waitid, for any child, and the two codes put together in one place.

use nix::sys::signal::{Signal, raise};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
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
    eprintln!("pid {child} was told what to do");
    let code = match waitid(Id::All, WaitPidFlag::WEXITED)? {
        WaitStatus::Exited(_, code) => code,
        WaitStatus::Signaled(_, signal, _) => 128 | signal as i32,
        _ => return Err(nix::errno::Errno::EINVAL),
    };
    Ok(u8::try_from(code).unwrap_or(u8::MAX))
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
