//! A byte in a socket, whose other end the handler has.

use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};
use std::io::Read as _;
use std::os::fd::AsRawFd as _;
use std::os::unix::net::UnixStream;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};

/// SIGTERM has come.
static TOLD: AtomicBool = AtomicBool::new(false);
/// The end that the handler writes to.
static WRITER: AtomicI32 = AtomicI32::new(-1);

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

/// Sleeps until SIGTERM has come, be that before this is called, in the middle of it, or much later.
fn wait_until_told() -> nix::Result<()> {
    let (mut reader, writer) = UnixStream::pair().expect("there is room for two descriptors");
    WRITER.store(writer.as_raw_fd(), Ordering::Relaxed);
    let action = SigAction::new(SigHandler::Handler(wake), SaFlags::SA_RESTART, SigSet::empty());
    // SAFETY: the handler stores to an atomic, makes one call that never waits, and keeps errno.
    unsafe { sigaction(Signal::SIGTERM, &action) }?;
    while !TOLD.load(Ordering::Relaxed) {
        let _ = reader.read(&mut [0]);
    }
    Ok(())
}

extern "C" fn wake(signal: nix::libc::c_int) {
    on_term(signal);
    let errno = nix::errno::Errno::last_raw();
    let flags = nix::libc::MSG_DONTWAIT;
    // SAFETY: one byte, from a constant.
    unsafe { nix::libc::send(WRITER.load(Ordering::Relaxed), b"!".as_ptr().cast(), 1, flags) };
    nix::errno::Errno::set_raw(errno);
}
