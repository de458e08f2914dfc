//! A byte in a pipe: whoever comes late finds it.

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};
use nix::unistd::{pipe2, write};
use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd};
use std::process::ExitCode;
use std::sync::atomic::AtomicI32;
use std::sync::atomic::{AtomicBool, Ordering};

/// SIGTERM has come.
static TOLD: AtomicBool = AtomicBool::new(false);

extern "C" fn on_term(_: nix::libc::c_int) {
    TOLD.store(true, Ordering::Relaxed);
}

/// SIGUSR1 wakes, and means nothing.
extern "C" fn on_usr1(_: nix::libc::c_int) {}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("lost-wakeup: {error}");
            ExitCode::from(2)
        }
    }
}

fn run() -> nix::Result<()> {
    let handlers: [(_, extern "C" fn(nix::libc::c_int)); 2] =
        [(Signal::SIGTERM, on_term), (Signal::SIGUSR1, on_usr1)];
    for (signal, handler) in handlers {
        let action =
            SigAction::new(SigHandler::Handler(handler), SaFlags::empty(), SigSet::empty());
        // SAFETY: the handlers do nothing but store to an atomic.
        unsafe { sigaction(signal, &action) }?;
    }
    println!("ready");
    wait_until_told()?;
    println!("told");
    Ok(())
}

static WRITE: AtomicI32 = AtomicI32::new(-1);

extern "C" fn wake(_: nix::libc::c_int) {
    let before = Errno::last_raw();
    TOLD.store(true, Ordering::Relaxed);
    // SAFETY: it is open as long as the program lasts.
    let _ = write(unsafe { BorrowedFd::borrow_raw(WRITE.load(Ordering::Relaxed)) }, b"!");
    Errno::set_raw(before);
}

fn wait_until_told() -> nix::Result<()> {
    let (reader, writer) = pipe2(OFlag::O_CLOEXEC | OFlag::O_NONBLOCK)?;
    WRITE.store(writer.as_raw_fd(), Ordering::Relaxed);
    std::mem::forget(writer);
    let action = SigAction::new(SigHandler::Handler(wake), SaFlags::empty(), SigSet::empty());
    // SAFETY: the handler stores to an atomic, writes a byte without waiting, and puts errno back.
    unsafe { sigaction(Signal::SIGTERM, &action) }?;
    while !TOLD.load(Ordering::Relaxed) {
        match poll(&mut [PollFd::new(reader.as_fd(), PollFlags::POLLIN)], PollTimeout::NONE) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
