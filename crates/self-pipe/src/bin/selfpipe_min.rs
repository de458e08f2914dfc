//! A child's death becomes something to read: the self-pipe trick on one page.
//!
//! The parent sleeps in one select(2) on two pipes, its child's and its own; at most ten seconds.

use std::io::{self, Read, Write};
use std::os::fd::{AsFd, IntoRawFd};
use std::sync::atomic::{AtomicI32, Ordering::SeqCst};

use anyhow::{Context, Result};
use nix::errno::Errno;
use nix::sys::select::{FdSet, select};
use nix::sys::signal::Signal;
use nix::sys::wait::{WaitPidFlag, WaitStatus::Exited, waitpid};
use nix::unistd::{ForkResult, alarm, fork, getpid, read};
use signals::{Disposition, set_disposition};

// ANCHOR: handler
static WRITER: AtomicI32 = AtomicI32::new(-1);

/// Runs in the middle of anything. So: one byte, errno put back.
extern "C" fn on_chld(_: libc::c_int) {
    let errno = Errno::last_raw();
    // SAFETY: one byte, from a constant; the descriptor is open to the program's end.
    unsafe { libc::write(WRITER.load(SeqCst), b"!".as_ptr().cast(), 1) };
    Errno::set_raw(errno);
}
// ANCHOR_END: handler

fn main() -> Result<()> {
    alarm::set(10); // a bound
    // ANCHOR: install
    let (own, writer) = pipe::nonblocking_pipe().context("cannot make a pipe")?;
    WRITER.store(writer.into_raw_fd(), SeqCst); // and never closed
    // SAFETY: `on_chld` does what signal-safety(7) allows, and keeps errno.
    unsafe { set_disposition(Signal::SIGCHLD, Disposition::Handler(on_chld)) }
        .context("cannot catch SIGCHLD")?;
    // ANCHOR_END: install
    println!("[parent {}] I sleep in one select, on a child's pipe and on my own", getpid());
    let (words, mut mouth) = io::pipe().context("cannot make a pipe")?;
    let (mut gate, latch) = io::pipe().context("cannot make a pipe")?;
    // SAFETY: this program has one thread.
    if let ForkResult::Child = unsafe { fork() }.context("cannot fork")? {
        drop(latch);
        println!("[child {}] I write to my parent, and wait", getpid());
        mouth.write_all(b"hello").context("cannot write")?;
        gate.read(&mut [0]).context("cannot wait")?; // its end comes when the parent lets go
        println!("[child {}] I leave", getpid());
        return Ok(());
    }
    let mut talking = Some(latch);

    // ANCHOR: loop
    loop {
        let mut readable = FdSet::new();
        readable.insert(own.as_fd());
        if talking.is_some() {
            readable.insert(words.as_fd());
        }
        match select(None, &mut readable, None, None, None) {
            Err(Errno::EINTR) => continue, // the handler has run: next time its byte is there
            ready => ready.context("cannot select")?,
        };
        if readable.contains(words.as_fd()) {
            let mut text = [0; 5];
            (&words).read_exact(&mut text).context("cannot read")?;
            println!("[parent {}] my child's pipe: {}", getpid(), String::from_utf8_lossy(&text));
            talking.take();
        }
        if readable.contains(own.as_fd()) {
            while read(&own, &mut [0; 64]).is_ok() {} // until EAGAIN: it is empty
            println!("[parent {}] my own pipe: somebody has ended", getpid());
            while let Ok(Exited(pid, code)) = waitpid(None, Some(WaitPidFlag::WNOHANG)) {
                println!("[parent {}] I reap pid {pid}: exit code {code}", getpid());
            }
            return Ok(());
        }
    }
    // ANCHOR_END: loop
}
