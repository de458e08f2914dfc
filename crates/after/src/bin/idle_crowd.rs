//! What it costs to ask about one busy descriptor among many idle ones, by poll and by epoll.
//!
//! The numbers are this machine's; what they do as the crowd grows is not. Linux only.

use std::hint::black_box;
use std::io::{Write, pipe};
use std::os::fd::{AsFd, OwnedFd};
use std::time::Instant;

use anyhow::{Context, Result};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::unistd::getpid;

/// Nanoseconds for one call: the best of many batches, which is the one that nothing disturbed.
fn cost(mut call: impl FnMut() -> nix::Result<usize>) -> Result<f64> {
    let mut best = f64::INFINITY;
    for _ in 0..12 {
        let start = Instant::now();
        for _ in 0..5 {
            black_box(call().context("cannot ask")?);
        }
        best = best.min(start.elapsed().as_nanos() as f64 / 5.0);
    }
    Ok(best)
}

fn main() -> Result<()> {
    let me = getpid();
    // A pipe that stays empty, while its write end is open, and one with a byte in it.
    let (idle, _keeps_it_open) = pipe().context("cannot make a pipe")?;
    let (busy, mut writer) = pipe().context("cannot make a pipe")?;
    writer.write_all(b"x").context("cannot write")?;

    let mut first = None;
    for size in [5, 50, 500] {
        let copies = (0..size).map(|_| idle.as_fd().try_clone_to_owned());
        let crowd: Vec<OwnedFd> = copies.collect::<Result<_, _>>().context("cannot duplicate")?;

        // ANCHOR: ask
        let all = crowd.iter().map(AsFd::as_fd).chain([busy.as_fd()]);
        let mut list: Vec<_> = all.clone().map(|fd| PollFd::new(fd, PollFlags::POLLIN)).collect();
        let by_poll = cost(|| poll(&mut list, PollTimeout::NONE).map(|ready| ready as usize))?;

        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC).context("cannot make an epoll")?;
        for fd in all {
            epoll.add(fd, EpollEvent::new(EpollFlags::EPOLLIN, 0)).context("cannot add")?;
        }
        let mut events = [EpollEvent::empty(); 8];
        let by_epoll = cost(|| epoll.wait(&mut events, EpollTimeout::NONE))?;
        // ANCHOR_END: ask

        println!("[process {me}] {size} idle: poll {by_poll:.0} ns, epoll_wait {by_epoll:.0} ns");
        let (poll_then, epoll_then) = *first.get_or_insert((by_poll, by_epoll));
        if size == 500 {
            let (poll, epoll) = (by_poll / poll_then, by_epoll / epoll_then);
            println!(
                "[process {me}] 100 times the crowd: poll × {poll:.1}, epoll_wait × {epoll:.1}"
            );
        }
    }
    Ok(())
}
