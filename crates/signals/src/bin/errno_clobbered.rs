//! WRONG ON PURPOSE: a handler's own failing call changes the errno of the code that it interrupts.
//!
//! Ask yourself where the reason for a failed call is kept until somebody asks for it. Then compare
//! the two handlers.

use std::io;

use anyhow::{Context, Result};
use nix::sys::signal::{Signal, raise};
use nix::unistd::getpid;
use signals::{Disposition, preserving_errno, set_disposition};

// ANCHOR: handlers
extern "C" fn careless(_: libc::c_int) {
    // SAFETY: no such descriptor: it fails with EBADF, and touches nothing.
    unsafe { libc::close(-1) };
}

extern "C" fn careful(signal: libc::c_int) {
    preserving_errno(|| careless(signal));
}
// ANCHOR_END: handlers

fn main() -> Result<()> {
    // ANCHOR: between
    let handlers: [(_, extern "C" fn(libc::c_int)); 2] =
        [("careless", careless), ("careful", careful)];
    for (name, handler) in handlers {
        // SAFETY: the worst that either handler does is to change errno.
        unsafe { set_disposition(Signal::SIGUSR1, Disposition::Handler(handler)) }
            .context("cannot catch SIGUSR1")?;
        // SAFETY: the path ends with a NUL.
        let answer = unsafe { libc::open(c"/no/such/file".as_ptr(), libc::O_RDONLY) };
        raise(Signal::SIGUSR1)?; // a signal may come here as well as anywhere
        let why = io::Error::last_os_error();
        println!("[process {}] {name} handler: open returned {answer}: {why}", getpid());
    }
    // ANCHOR_END: between
    Ok(())
}
