//! Sets the handler before there is a pipe to write to.
//! Told: "The handler of P1 writes to descriptor -1, which is closed"

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};
use std::io;
use std::os::fd::IntoRawFd as _;
use std::os::fd::{AsFd as _, OwnedFd};
use std::process::ExitCode;
use std::sync::atomic::AtomicI32;
use std::sync::atomic::Ordering::SeqCst;

/// The pipe's write end, where the handler finds it.
static WRITER: AtomicI32 = AtomicI32::new(-1);

fn main() -> ExitCode {
    match wake_on_term().and_then(|pipe| {
        println!("I sleep");
        sleep_until_readable(&pipe)
    }) {
        Ok(()) => {
            println!("woken");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("wake: {error}");
            ExitCode::from(2)
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

/// Makes a pipe from this process to itself, and has every SIGTERM put one byte into it. Returns the end to read from.
///
/// The end to write to never blocks, and stays open for as long as the process lives.
fn wake_on_term() -> io::Result<OwnedFd> {
    let action = SigAction::new(SigHandler::Handler(on_term), SaFlags::SA_RESTART, SigSet::all());
    // SAFETY: the handler makes one write, and keeps errno.
    unsafe { sigaction(Signal::SIGTERM, &action) }?;
    let (reader, writer) = nix::unistd::pipe2(OFlag::O_CLOEXEC | OFlag::O_NONBLOCK)?;
    WRITER.store(writer.into_raw_fd(), SeqCst);
    Ok(reader)
}

extern "C" fn on_term(_: nix::libc::c_int) {
    let errno = Errno::last_raw();
    // SAFETY: one byte, from a constant.
    unsafe { nix::libc::write(WRITER.load(SeqCst), b"!".as_ptr().cast(), 1) };
    Errno::set_raw(errno);
}
