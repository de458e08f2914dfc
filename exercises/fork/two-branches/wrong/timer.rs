//! A timer interrupts its wait again and again.
//! Told: "P1 sets a timer"

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
        errno::Errno,
        libc,
        sys::wait::{WaitStatus, waitpid},
        unistd::{ForkResult, fork},
    };
    extern "C" fn nothing(_: i32) {}
    // SAFETY: this program has one thread.
    let ForkResult::Parent { child } = unsafe { fork() }? else {
        std::process::exit(read_code().into())
    };
    // SAFETY: all zeroes are a value of it.
    let mut a: libc::sigaction = unsafe { std::mem::zeroed() };
    a.sa_sigaction = nothing as *const () as usize;
    // SAFETY: the handler does nothing.
    unsafe { libc::sigaction(libc::SIGALRM, &a, std::ptr::null_mut()) };
    let t = libc::timeval { tv_sec: 0, tv_usec: 20_000 };
    // SAFETY: what it is given lives through the call.
    unsafe {
        libc::setitimer(
            libc::ITIMER_REAL,
            &libc::itimerval { it_interval: t, it_value: t },
            std::ptr::null_mut(),
        )
    };
    loop {
        match waitpid(child, None) {
            Ok(WaitStatus::Exited(_, c)) => return Ok(c as u8),
            Err(Errno::EINTR) => {}
            Ok(_) => return Ok(1),
            Err(e) => return Err(e),
        }
    }
}
