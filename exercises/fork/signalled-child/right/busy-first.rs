//! It has some work of its own to do before it waits, with a pidfd.

use nix::errno::Errno;
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, raise};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid, fork};
use std::os::fd::{AsFd as _, FromRawFd as _, OwnedFd};
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
    let numbers = vec![1_u8; 12 << 20];
    let sum: u64 = numbers.iter().map(|number| u64::from(*number)).sum();
    eprintln!("the sum is {sum}");
    // SAFETY: takes two numbers.
    let opened = unsafe { libc::syscall(libc::SYS_pidfd_open, child.as_raw(), 0) };
    let number = i32::try_from(Errno::result(opened)?).unwrap_or(-1);
    // SAFETY: nobody else owns that number.
    let ended = unsafe { OwnedFd::from_raw_fd(number) };
    poll(&mut [PollFd::new(ended.as_fd(), PollFlags::POLLIN)], PollTimeout::NONE)?;
    match waitpid(child, None)? {
        WaitStatus::Exited(_, code) => Ok(u8::try_from(code).unwrap_or(2)),
        WaitStatus::Signaled(_, signal, _) => Ok(128 | signal as u8),
        _ => Ok(2),
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
