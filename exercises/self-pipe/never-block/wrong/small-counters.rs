//! Counts the signals in a byte each, which is 0 again after 256 of them.
//! Told: "SIGUSR1 was raised 65536 times"

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
    use nix::fcntl::OFlag;
    use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, sigaction};
    let (reader, writer) = nix::unistd::pipe2(OFlag::O_CLOEXEC | OFlag::O_NONBLOCK)?;
    WRITER.store(std::os::fd::IntoRawFd::into_raw_fd(writer), SeqCst);
    let handler = SigHandler::Handler(on_signal);
    let action = SigAction::new(handler, SaFlags::SA_RESTART, SigSet::all());
    for signal in HEARD {
        // SAFETY: the handler takes a note, makes one write, and keeps errno.
        unsafe { sigaction(signal, &action) }?;
    }
    Ok(reader)
}

/// Empties the pipe, and returns the signals that have come since it was last asked, each of them once.
fn news(pipe: &OwnedFd) -> io::Result<Vec<Signal>> {
    loop {
        match nix::unistd::read(pipe, &mut [0; 512]) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(Errno::EAGAIN) => break,
            Err(error) => return Err(error.into()),
        }
    }
    let came = |signal: &Signal| CAME[*signal as usize].swap(0, SeqCst) > 0;
    Ok(HEARD.into_iter().filter(came).collect())
}

use std::sync::atomic::{AtomicU8, Ordering::SeqCst};

static CAME: [AtomicU8; 32] = [const { AtomicU8::new(0) }; 32];

extern "C" fn on_signal(signal: nix::libc::c_int) {
    let errno = Errno::last_raw();
    CAME[signal as usize].fetch_add(1, SeqCst);
    // SAFETY: one byte, from a constant, to a descriptor that nobody closes.
    unsafe { nix::libc::write(WRITER.load(SeqCst), b"!".as_ptr().cast(), 1) };
    Errno::set_raw(errno);
}
