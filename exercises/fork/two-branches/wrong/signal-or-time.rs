//! It waits for SIGCHLD, and not for long.
//! Told: "P1 waits for SIGCHLD, at most"

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
    // SAFETY: all zeroes are a value of it.
    let mut set: libc::sigset_t = unsafe { std::mem::zeroed() };
    // SAFETY: the set lives through the calls.
    unsafe {
        libc::sigaddset(&mut set, libc::SIGCHLD);
        libc::sigprocmask(libc::SIG_BLOCK, &set, std::ptr::null_mut())
    };
    loop {
        if let WaitStatus::Exited(_, c) = waitpid(child, Some(WaitPidFlag::WNOHANG))? {
            return Ok(c as u8);
        }
        let t = libc::timespec { tv_sec: 0, tv_nsec: 50_000_000 };
        // SAFETY: what it is given lives through the call.
        unsafe { libc::sigtimedwait(&set, std::ptr::null_mut(), &t) };
    }
}
