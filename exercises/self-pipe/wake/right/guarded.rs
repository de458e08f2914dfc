//! std's pipe, made non-blocking afterwards, and a handler that looks at whose process it runs in.

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};
use nix::unistd::{Pid, getpid};
use std::io;
use std::os::fd::{AsFd as _, IntoRawFd as _, OwnedFd};
use std::process::ExitCode;
use std::sync::atomic::{AtomicI32, Ordering::SeqCst};

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

static OWNER: AtomicI32 = AtomicI32::new(0);

fn wake_on_term() -> io::Result<OwnedFd> {
    let (reader, writer) = io::pipe()?;
    fcntl(&writer, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
    WRITER.store(writer.into_raw_fd(), SeqCst);
    OWNER.store(getpid().as_raw(), SeqCst);
    let action = SigAction::new(SigHandler::Handler(on_term), SaFlags::empty(), SigSet::all());
    // SAFETY: the handler makes two calls that signal-safety(7) allows.
    unsafe { sigaction(Signal::SIGTERM, &action) }?;
    Ok(reader.into())
}

extern "C" fn on_term(_: nix::libc::c_int) {
    if getpid() == Pid::from_raw(OWNER.load(SeqCst)) {
        // SAFETY: one byte, from a constant.
        unsafe { nix::libc::write(WRITER.load(SeqCst), c"w".as_ptr().cast(), 1) };
    }
}
