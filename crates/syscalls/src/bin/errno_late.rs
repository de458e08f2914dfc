//! WRONG ON PURPOSE: the reason is asked for after another call, so it is that call's reason.
//!
//! Ask yourself what `isatty` says when it says no. Then move one line.

use std::fs::OpenOptions;
use std::io;
use std::os::fd::AsRawFd;

use anyhow::{Context, Result};
use nix::unistd::getpid;

fn main() -> Result<()> {
    let me = getpid();
    let log = OpenOptions::new().write(true).open("/dev/null").context("cannot open the log")?;

    // ANCHOR: late
    // SAFETY: the path ends with a zero byte.
    let fd = unsafe { libc::open(c"/no/such/file".as_ptr(), libc::O_RDONLY | libc::O_CLOEXEC) };
    if fd == -1 {
        // Errors come in red, if the log is a terminal.
        // SAFETY: takes no pointer.
        let red = unsafe { libc::isatty(log.as_raw_fd()) } == 1;
        let error = io::Error::last_os_error();
        let (on, off) = if red { ("\x1b[31m", "\x1b[0m") } else { ("", "") };
        println!("[process {me}] {on}cannot open /no/such/file: {error}{off}");
    }
    // ANCHOR_END: late
    Ok(())
}
