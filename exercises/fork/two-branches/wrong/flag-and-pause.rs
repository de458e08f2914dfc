//! A handler sets a flag, and between the look at it and the pause it may have done so.
//! Told: "Nobody is left who would send P1 a signal"

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
        sys::wait::{WaitStatus, waitpid},
        unistd::{ForkResult, fork},
    };
    use std::sync::atomic::{AtomicBool, Ordering};
    static ENDED: AtomicBool = AtomicBool::new(false);
    extern "C" fn on(_: i32) {
        ENDED.store(true, Ordering::SeqCst);
    }
    // SAFETY: the handler only stores a flag.
    unsafe { libc::signal(libc::SIGCHLD, on as *const () as usize) };
    // SAFETY: this program has one thread.
    let ForkResult::Parent { child } = unsafe { fork() }? else {
        std::process::exit(read_code().into())
    };
    while !ENDED.load(Ordering::SeqCst) {
        // SAFETY: it takes no arguments.
        unsafe { libc::pause() };
    }
    match waitpid(child, None)? {
        WaitStatus::Exited(_, c) => Ok(c as u8),
        _ => Ok(9),
    }
}
