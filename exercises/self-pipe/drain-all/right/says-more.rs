//! Says when it makes the pipe, and of each answer of read, that the pipe is empty among them, what it was.

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, raise, sigaction};
use nix::unistd::pipe2;
use std::fs::File;
use std::io::{self, Read as _};
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
    let (reader, writer) = pipe2(OFlag::O_CLOEXEC | OFlag::O_NONBLOCK)?;
    println!("a pipe of {} bytes", fcntl(&reader, FcntlArg::F_GETPIPE_SZ)?);
    Ok((reader, writer))
}

fn drain(pipe: &OwnedFd) -> io::Result<()> {
    let mut file = File::from(pipe.try_clone()?);
    let mut bytes = [0; 4096];
    loop {
        match file.read(&mut bytes) {
            Ok(0) => return Ok(()),
            Ok(count) => eprintln!("{count} bytes"),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                eprintln!("nothing is left: {error}");
                return Ok(());
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
