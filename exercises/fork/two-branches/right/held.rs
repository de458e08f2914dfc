//! A fork that gives the parent back when its child has ended, and then it asks how.

use nix::errno::Errno;
use nix::libc;
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::Pid;
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
    let flags = libc::c_long::from(libc::CLONE_VFORK | libc::SIGCHLD);
    // SAFETY: this program has one thread. The child has a memory of its own, as with fork(2), and so no stack is named.
    let forked = unsafe { libc::syscall(libc::SYS_clone, flags, 0, 0, 0, 0) };
    let child = Errno::result(forked)?;
    if child == 0 {
        std::process::exit(read_code().into());
    }
    match waitpid(Pid::from_raw(i32::try_from(child).unwrap_or(-1)), None)? {
        WaitStatus::Exited(_, code) => Ok(u8::try_from(code).unwrap_or(2)),
        _ => Ok(2),
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
