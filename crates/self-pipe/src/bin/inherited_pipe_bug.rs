//! WRONG ON PURPOSE: a child has inherited handler and pipe, and its signal wakes its parent.
//!
//! Ask yourself how many processes can write into this pipe, and how many meant to. Then see
//! `renewed_pipe`. A sleep that nobody ends is over after ten seconds.

use std::os::fd::{AsFd, IntoRawFd};
use std::sync::atomic::{AtomicI32, AtomicU32, Ordering::SeqCst};

use anyhow::{Context, Result};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, raise};
use nix::sys::wait::waitpid;
use nix::unistd::{ForkResult, fork, getpid, read};
use signals::{Disposition, set_disposition};

// ANCHOR: handler
static WRITER: AtomicI32 = AtomicI32::new(-1);
static HANDLED: AtomicU32 = AtomicU32::new(0);

extern "C" fn on_usr1(_: libc::c_int) {
    let errno = Errno::last_raw();
    HANDLED.fetch_add(1, SeqCst);
    // SAFETY: one byte, from a constant; the descriptor is open to the program's end.
    unsafe { libc::write(WRITER.load(SeqCst), b"!".as_ptr().cast(), 1) };
    Errno::set_raw(errno);
}
// ANCHOR_END: handler

fn main() -> Result<()> {
    let (own, writer) = pipe::nonblocking_pipe().context("cannot make a pipe")?;
    WRITER.store(writer.into_raw_fd(), SeqCst); // and never closed
    // SAFETY: `on_usr1` does what signal-safety(7) allows, and keeps errno.
    unsafe { set_disposition(Signal::SIGUSR1, Disposition::Handler(on_usr1)) }
        .context("cannot catch SIGUSR1")?;

    println!("[parent {}] I have a handler and a pipe, and fork", getpid());
    // ANCHOR: bug
    // SAFETY: this program has one thread.
    match unsafe { fork() }.context("cannot fork")? {
        ForkResult::Child => {
            raise(Signal::SIGUSR1).context("cannot signal myself")?;
            println!("[child {}] signals that I handled: {}", getpid(), HANDLED.load(SeqCst));
        }
        ForkResult::Parent { child } => {
            waitpid(child, None).context("cannot wait for the child")?;
            let mut fds = [PollFd::new(own.as_fd(), PollFlags::POLLIN)];
            poll(&mut fds, PollTimeout::from(10_000u16)).context("cannot sleep")?;
            let count = read(&own, &mut [0; 64]).context("cannot drain my pipe")?;
            println!("[parent {}] woken by {count} byte in my own pipe", getpid());
            println!("[parent {}] signals that I handled: {}", getpid(), HANDLED.load(SeqCst));
        }
    }
    // ANCHOR_END: bug
    Ok(())
}
