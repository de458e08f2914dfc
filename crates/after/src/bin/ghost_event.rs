//! WRONG ON PURPOSE: a descriptor is closed, and epoll goes on telling of it.
//!
//! Ask yourself what it is that epoll watches: the number, or what the number led to? Linux only.

use std::io::{Write, pipe};
use std::os::fd::{AsFd, AsRawFd};

use anyhow::{Context, Result};
use fork::{spawn, wait_for};
use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::signal::{Signal, kill};
use nix::unistd::{alarm, getpid, pause};

/// What epoll tells, now.
fn news(epoll: &Epoll) -> Result<String> {
    let mut events = [EpollEvent::empty()];
    let ready = epoll.wait(&mut events, EpollTimeout::ZERO).context("cannot wait")?;
    Ok(match &events[..ready] {
        [event] => format!("fd {} is readable", event.data()),
        _ => "nothing".to_string(),
    })
}

/// Takes a number from the list that may not be open any more: no `BorrowedFd` could say that.
fn delete(epoll: &Epoll, number: i32) -> Errno {
    let (list, no_event) = (epoll.0.as_fd().as_raw_fd(), std::ptr::null_mut());
    // SAFETY: to delete, the kernel takes no event.
    let answer = unsafe { libc::epoll_ctl(list, libc::EPOLL_CTL_DEL, number, no_event) };
    Errno::result(answer).map_or_else(|errno| errno, |_| Errno::from_raw(0))
}

fn main() -> Result<()> {
    let me = getpid();
    // ANCHOR: ghost
    let (reader, mut writer) = pipe().context("cannot make a pipe")?;
    let number = reader.as_raw_fd();
    let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC).context("cannot make an epoll")?;
    let event = EpollEvent::new(EpollFlags::EPOLLIN, number as u64);
    epoll.add(&reader, event).context("cannot add the pipe")?;
    println!("[parent {me}] epoll watches fd {number}, the read end of a pipe");

    // SAFETY: this program has one thread.
    let child = unsafe {
        spawn(|| {
            alarm::set(10);
            pause();
            0
        })
    }
    .context("cannot fork")?;
    drop(reader); // and not `epoll.delete(&reader)` before it
    println!("[parent {me}] forked pid {child}, then closed fd {number}");

    writer.write_all(b"x").context("cannot write")?;
    println!("[parent {me}] a byte comes; epoll tells: {}", news(&epoll)?);
    println!("[parent {me}] delete fd {number}: {}", delete(&epoll, number));

    kill(child, Signal::SIGKILL).context("cannot end the child")?;
    wait_for(child).context("cannot wait for the child")?;
    println!("[parent {me}] pid {child} has ended; epoll tells: {}", news(&epoll)?);
    // ANCHOR_END: ghost
    Ok(())
}
