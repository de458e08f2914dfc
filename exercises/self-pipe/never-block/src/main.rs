//! never-block COUNT: lives through COUNT signals while nobody reads its pipe, and then tells which have come.

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, raise};
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::process::ExitCode;
use std::sync::atomic::AtomicI32;

/// What the program listens to.
const HEARD: [Signal; 2] = [Signal::SIGUSR1, Signal::SIGTERM];

/// The pipe's write end, where the handler finds it.
#[allow(dead_code, reason = "until the handler uses it")]
static WRITER: AtomicI32 = AtomicI32::new(-1);

fn main() -> ExitCode {
    let Some(count) = std::env::args().nth(1).and_then(|count| count.parse().ok()) else {
        eprintln!("never-block: expected a number");
        return ExitCode::from(2);
    };
    match live_through(count) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("never-block: {error}");
            ExitCode::from(2)
        }
    }
}

fn live_through(count: u32) -> io::Result<()> {
    let pipe = listen()?;
    // One page: the least that there is. So it is full soon.
    fcntl(&pipe, FcntlArg::F_SETPIPE_SZ(1))?;
    // A busy time: much comes, and nobody reads the pipe.
    for _ in 0..count {
        raise(Signal::SIGUSR1)?;
    }
    raise(Signal::SIGTERM)?;
    println!("the storm is over");
    loop {
        sleep_until_readable(&pipe)?;
        let heard = news(&pipe)?;
        heard.iter().for_each(|signal| println!("heard {signal}"));
        if heard.contains(&Signal::SIGTERM) {
            return Ok(());
        }
    }
}

/// Sleeps until there is something to read. A signal that interrupts is no reason to get up: only a byte is.
fn sleep_until_readable(pipe: &OwnedFd) -> io::Result<()> {
    let mut wanted = [PollFd::new(pipe.as_fd(), PollFlags::POLLIN)];
    loop {
        match poll(&mut wanted, PollTimeout::NONE) {
            Err(Errno::EINTR) => {}
            other => return other.map(drop).map_err(io::Error::from),
        }
    }
}

/// Makes a pipe from this process to itself, and has each of the signals that are `HEARD` put a byte into it and be noted. Returns
/// the end to read from.
fn listen() -> io::Result<OwnedFd> {
    todo!("make a pipe, and set a handler for {HEARD:?}")
}

/// Empties the pipe, and returns the signals that have come since it was last asked, each of them once.
fn news(pipe: &OwnedFd) -> io::Result<Vec<Signal>> {
    todo!("empty {pipe:?}, and say which signals have come")
}
