//! Nobody asks what fork returned: the child runs the parent's lines, and waits for a child that it
//! does not have.
//! Told: "a process without children waited for one"

use nix::sys::wait::{WaitStatus, wait};
use nix::unistd::fork;
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
    // SAFETY: this program has one thread.
    let _ = unsafe { fork() }?;
    match wait()? {
        WaitStatus::Exited(_, code) => Ok(code as u8),
        other => panic!("{other:?}"),
    }
}
