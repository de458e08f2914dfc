//! Plain libc; the read end blocks, which nobody minds who reads once.

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::io;
use std::os::fd::{AsFd as _, FromRawFd as _, OwnedFd};
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
    let mut ends = [0; 2];
    // SAFETY: writes two numbers of ours.
    if unsafe { nix::libc::pipe(ends.as_mut_ptr()) } < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: takes numbers only.
    unsafe { nix::libc::fcntl(ends[1], nix::libc::F_SETFL, nix::libc::O_NONBLOCK) };
    WRITER.store(ends[1], SeqCst);
    let handler = on_term as extern "C" fn(nix::libc::c_int);
    // SAFETY: the handler makes one write.
    unsafe { nix::libc::signal(nix::libc::SIGTERM, handler as nix::libc::sighandler_t) };
    // SAFETY: the kernel has just made it, and it is nobody else's.
    Ok(unsafe { OwnedFd::from_raw_fd(ends[0]) })
}

extern "C" fn on_term(signal: nix::libc::c_int) {
    let byte = signal as u8;
    // SAFETY: one byte, from a variable of ours.
    unsafe { nix::libc::write(WRITER.load(SeqCst), (&raw const byte).cast(), 1) };
}
