//! Asks by select, which takes its time, before it reads each single byte from a blocking end; and holds another pipe, which blocks.

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::select::{FdSet, select};
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, raise, sigaction};
use nix::sys::time::TimeVal;
use nix::unistd::{pipe2, read};
use std::io;
use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering::SeqCst};

/// The pipe's write end, where the handler finds it.
static WRITER: AtomicI32 = AtomicI32::new(-1);
/// Whether SIGTERM has come.
static TOLD_TO_LEAVE: AtomicBool = AtomicBool::new(false);

fn main() -> ExitCode {
    let Some(count) = std::env::args().nth(1).and_then(|count| count.parse().ok()) else {
        eprintln!("drain-all: expected a number");
        return ExitCode::from(2);
    };
    match serve(count) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("drain-all: {error}");
            ExitCode::from(2)
        }
    }
}

fn serve(count: u32) -> io::Result<()> {
    let (reader, writer) = make_pipe()?;
    WRITER.store(writer.as_raw_fd(), SeqCst);
    let action = SigAction::new(SigHandler::Handler(on_signal), SaFlags::SA_RESTART, SigSet::all());
    for signal in [Signal::SIGUSR1, Signal::SIGTERM] {
        // SAFETY: the handler takes a note, makes one write, and keeps errno.
        unsafe { sigaction(signal, &action) }?;
    }
    // A busy time: much comes, and nobody reads the pipe.
    for _ in 0..count {
        raise(Signal::SIGUSR1)?;
    }
    println!("busy no more");
    for turn in 1.. {
        sleep_until_readable(&reader)?;
        drain(&reader)?;
        println!("turn {turn}");
        if TOLD_TO_LEAVE.load(SeqCst) {
            break;
        }
    }
    Ok(())
}

/// Runs in the middle of anything. So: one note, one byte, errno put back.
extern "C" fn on_signal(signal: nix::libc::c_int) {
    let errno = Errno::last_raw();
    if signal == Signal::SIGTERM as i32 {
        TOLD_TO_LEAVE.store(true, SeqCst);
    }
    // SAFETY: one byte, from a constant, to a descriptor that `serve` keeps open.
    unsafe { nix::libc::write(WRITER.load(SeqCst), b"!".as_ptr().cast(), 1) };
    Errno::set_raw(errno);
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

fn make_pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    std::mem::forget(pipe2(OFlag::O_CLOEXEC)?);
    let (reader, writer) = pipe2(OFlag::O_CLOEXEC)?;
    fcntl(&writer, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
    Ok((reader, writer))
}

fn drain(pipe: &OwnedFd) -> io::Result<()> {
    let more = || {
        let mut readable = FdSet::new();
        readable.insert(pipe.as_fd());
        select(None, &mut readable, None, None, &mut TimeVal::new(0, 0))
    };
    loop {
        match more() {
            Ok(0) => return Ok(()),
            Ok(_) => drop(read(pipe, &mut [0])?),
            Err(Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}
