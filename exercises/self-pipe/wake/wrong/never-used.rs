//! Opens the write end once more, as one that does not block; and the handler goes by the number of the first one.
//! Told: "while it sleeps, the program has descriptor 4"

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};
use nix::unistd::pipe2;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd as _, AsRawFd as _, IntoRawFd as _, OwnedFd};
use std::os::unix::fs::OpenOptionsExt as _;
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

fn wake_on_term() -> io::Result<OwnedFd> {
    let (reader, writer) = pipe2(OFlag::O_CLOEXEC)?;
    let path = format!("/proc/self/fd/{}", writer.as_raw_fd());
    let never_blocks =
        File::options().write(true).custom_flags(nix::libc::O_NONBLOCK).open(path)?;
    std::mem::forget(never_blocks);
    WRITER.store(writer.into_raw_fd(), SeqCst);
    let action = SigAction::new(SigHandler::Handler(on_term), SaFlags::SA_RESTART, SigSet::empty());
    // SAFETY: the handler makes one write, and keeps errno.
    unsafe { sigaction(Signal::SIGTERM, &action) }?;
    Ok(reader)
}

/// Runs in the middle of anything. So: one byte, errno put back.
extern "C" fn on_term(_: nix::libc::c_int) {
    let errno = Errno::last_raw();
    // SAFETY: one byte, from a constant, to a descriptor that stays open.
    unsafe { nix::libc::write(WRITER.load(SeqCst), b"!".as_ptr().cast(), 1) };
    Errno::set_raw(errno);
}
