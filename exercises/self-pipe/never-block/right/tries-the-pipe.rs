//! Reads its new pipe once, before it sets the handlers, to see that it is empty.

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, raise, sigaction};
use nix::unistd::{pipe2, read};
use std::io;
use std::os::fd::{AsFd as _, IntoRawFd as _, OwnedFd};
use std::process::ExitCode;
use std::sync::atomic::{AtomicI32, AtomicU64, Ordering::SeqCst};

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

/// Makes a pipe from this process to itself, and has each of the signals that are `HEARD` put a byte into it and be noted. Returns
/// the end to read from.
fn listen() -> io::Result<OwnedFd> {
    let (reader, writer) = pipe2(OFlag::O_CLOEXEC | OFlag::O_NONBLOCK)?;
    if read(&reader, &mut [0]) != Err(Errno::EAGAIN) {
        return Err(io::Error::other("a new pipe is not empty, or blocks"));
    }
    WRITER.store(writer.into_raw_fd(), SeqCst);
    let action = SigAction::new(SigHandler::Handler(on_signal), SaFlags::SA_RESTART, SigSet::all());
    for signal in HEARD {
        // SAFETY: the handler takes a note and makes one write.
        unsafe { sigaction(signal, &action) }?;
    }
    Ok(reader)
}

/// Which signals have come and were not told yet: a bit for each.
static CAME: AtomicU64 = AtomicU64::new(0);

/// Runs in the middle of anything. So: one note, one byte, errno put back.
extern "C" fn on_signal(signal: nix::libc::c_int) {
    let errno = Errno::last_raw();
    CAME.fetch_or(1 << signal, SeqCst);
    // SAFETY: one byte, from a constant, to a descriptor that stays open.
    unsafe { nix::libc::write(WRITER.load(SeqCst), b"!".as_ptr().cast(), 1) };
    Errno::set_raw(errno);
}

/// Empties the pipe, and returns the signals that have come since it was last asked, each of them once.
fn news(pipe: &OwnedFd) -> io::Result<Vec<Signal>> {
    drain(pipe)?;
    let came = CAME.swap(0, SeqCst);
    Ok(HEARD.into_iter().filter(|signal| came & 1 << *signal as u64 != 0).collect())
}

fn drain(pipe: &OwnedFd) -> io::Result<()> {
    loop {
        match read(pipe, &mut [0; 512]) {
            Ok(0) | Err(Errno::EAGAIN) => return Ok(()),
            Ok(_) | Err(Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}
