//! WRONG ON PURPOSE: edge-triggered epoll, and a reader that leaves something unread.
//!
//! Ask yourself what the kernel would have to tell you about, for the second time. Linux only.

use std::io::{PipeReader, Read, Write, pipe};

use anyhow::{Context, Result};
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::unistd::getpid;

/// Whether epoll has news, now. With a longer timeout "no" would only come later.
fn told(epoll: &Epoll) -> Result<&'static str> {
    let ready = epoll.wait(&mut [EpollEvent::empty()], EpollTimeout::ZERO);
    Ok(if ready.context("cannot wait")? == 0 { "no" } else { "yes" })
}

/// Reads until nothing is left: the cure.
fn drain(mut reader: &PipeReader) -> Result<usize> {
    let mut bytes = Vec::new();
    match reader.read_to_end(&mut bytes) {
        Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => Ok(bytes.len()),
        end => end.context("cannot read"),
    }
}

fn main() -> Result<()> {
    let me = getpid();
    for (name, mode) in [("level", EpollFlags::empty()), ("edge", EpollFlags::EPOLLET)] {
        let (mut reader, mut writer) = pipe().context("cannot make a pipe")?;
        let nonblocking = FcntlArg::F_SETFL(OFlag::O_NONBLOCK);
        fcntl(&reader, nonblocking).context("cannot set O_NONBLOCK")?;
        // ANCHOR: stall
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC).context("cannot make an epoll")?;
        let event = EpollEvent::new(EpollFlags::EPOLLIN | mode, 0);
        epoll.add(&reader, event).context("cannot add the pipe")?;

        writer.write_all(b"hello").context("cannot write")?;
        println!("[{name} {me}] 5 bytes come; am I told? {}", told(&epoll)?);
        reader.read_exact(&mut [0; 2]).context("cannot read")?;
        println!("[{name} {me}] I read 2 of them; am I told of the rest? {}", told(&epoll)?);
        writer.write_all(b"!").context("cannot write")?;
        println!("[{name} {me}] 1 more comes; am I told? {}", told(&epoll)?);
        println!("[{name} {me}] I read until EAGAIN: {} bytes", drain(&reader)?);
        println!("[{name} {me}] am I told of anything now? {}", told(&epoll)?);
        // ANCHOR_END: stall
    }
    Ok(())
}
