//! A death that leaves a core is none of the deaths that it knows.
//! Told: "A death by signal that leaves a core"

use nix::sys::signal::{Signal, raise};
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

fn tell_of(child: Pid) -> nix::Result<u8> {
    use nix::{errno::Errno, libc};
    let mut i: libc::siginfo_t = unsafe { std::mem::zeroed() };
    Errno::result(unsafe {
        libc::waitid(libc::P_PID, child.as_raw() as u32, &mut i, libc::WEXITED)
    })?;
    let n = unsafe { i.si_status() } as u8;
    Ok(if i.si_code == libc::CLD_KILLED { 128 + n } else { n })
}
