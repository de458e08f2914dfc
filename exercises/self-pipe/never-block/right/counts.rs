//! Counts its signals, and writes a byte only for the first one that nobody has heard of; plain libc.

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, raise};
use nix::unistd::read;
use std::io;
use std::os::fd::{AsFd as _, FromRawFd as _, OwnedFd};
use std::process::ExitCode;
use std::sync::atomic::{AtomicI32, AtomicU32, Ordering::SeqCst};

/// What the program listens to.
const HEARD: [Signal; 2] = [Signal::SIGUSR1, Signal::SIGTERM];

/// The pipe's write end, where the handler finds it.
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

static COUNTS: [AtomicU32; 2] = [AtomicU32::new(0), AtomicU32::new(0)];

fn listen() -> io::Result<OwnedFd> {
    let mut ends = [0; 2];
    // SAFETY: writes two numbers of ours.
    if unsafe { nix::libc::pipe2(ends.as_mut_ptr(), nix::libc::O_NONBLOCK) } < 0 {
        return Err(io::Error::last_os_error());
    }
    WRITER.store(ends[1], SeqCst);
    let handler = on_signal as extern "C" fn(nix::libc::c_int);
    for signal in HEARD {
        // SAFETY: the handler takes a note and makes one write.
        unsafe { nix::libc::signal(signal as i32, handler as nix::libc::sighandler_t) };
    }
    // SAFETY: the kernel has just made it, and it is nobody else's.
    Ok(unsafe { OwnedFd::from_raw_fd(ends[0]) })
}

extern "C" fn on_signal(signal: nix::libc::c_int) {
    for (heard, count) in HEARD.iter().zip(&COUNTS) {
        if *heard as i32 == signal && count.fetch_add(1, SeqCst) == 0 {
            // SAFETY: one byte, from a constant.
            unsafe { nix::libc::write(WRITER.load(SeqCst), b"!".as_ptr().cast(), 1) };
        }
    }
}

fn news(pipe: &OwnedFd) -> io::Result<Vec<Signal>> {
    while read(pipe, &mut [0; 16]).is_ok_and(|count| count > 0) {}
    let counted = HEARD.into_iter().zip(&COUNTS);
    Ok(counted.filter(|(_, count)| count.swap(0, SeqCst) > 0).map(|(signal, _)| signal).collect())
}
