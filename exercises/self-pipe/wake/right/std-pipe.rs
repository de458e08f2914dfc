//! std's pipe, which the handler finds in a cell that is set once.

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigHandler, Signal, signal};
use std::io::{self, PipeWriter, Write as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::process::ExitCode;
use std::sync::OnceLock;

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

static PIPE: OnceLock<PipeWriter> = OnceLock::new();

extern "C" fn on_term(_: nix::libc::c_int) {
    let errno = Errno::last_raw();
    let _ = PIPE.get().map(|mut pipe| pipe.write(b"!"));
    Errno::set_raw(errno);
}

fn wake_on_term() -> io::Result<OwnedFd> {
    let (reader, writer) = io::pipe()?;
    fcntl(&writer, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
    let _ = PIPE.set(writer);
    // SAFETY: the handler makes one call, which may be made there, and puts errno back.
    unsafe { signal(Signal::SIGTERM, SigHandler::Handler(on_term)) }?;
    Ok(reader.into())
}
