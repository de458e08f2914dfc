//! Once a second, it looks whether the child has ended.
//! Told: "P1 waits for P2 to end, at most"

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

/// The child's part: reads a number from 0 to 255 from standard input.
#[allow(dead_code, reason = "until `relay` calls it")]
fn read_code() -> u8 {
    let text = std::io::read_to_string(std::io::stdin()).unwrap_or_default();
    text.trim().parse().unwrap_or_else(|_| {
        eprintln!("two-branches: expected a number from 0 to 255, got {text:?}");
        std::process::exit(2)
    })
}

fn relay() -> nix::Result<u8> {
    use nix::{
        libc,
        sys::wait::{WaitPidFlag, WaitStatus, waitpid},
        unistd::{ForkResult, fork},
    };
    // SAFETY: this program has one thread.
    let ForkResult::Parent { child } = unsafe { fork() }? else {
        std::process::exit(read_code().into())
    };
    // SAFETY: it takes numbers only.
    let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, child.as_raw(), 0) } as i32;
    loop {
        let mut p = libc::pollfd { fd, events: libc::POLLIN, revents: 0 };
        // SAFETY: the kernel is told how many entries there are.
        unsafe { libc::poll(&mut p, 1, 1000) };
        if let WaitStatus::Exited(_, c) = waitpid(child, Some(WaitPidFlag::WNOHANG))? {
            return Ok(c as u8);
        }
    }
}
