//! Sleeps on a clock that is a descriptor, and looks at every tick.
//! Told: "P1 calls timerfd_create("

use nix::errno::Errno;
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};
use nix::sys::time::TimeSpec;
use nix::unistd::read;
use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd};
use std::process::ExitCode;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

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

fn wait_until_told() -> nix::Result<()> {
    let tick = *TimeSpec::from(Duration::from_millis(20)).as_ref();
    let ticks = nix::libc::itimerspec { it_interval: tick, it_value: tick };
    // SAFETY: the descriptor is new, and nobody else's; the times are there.
    let clock = unsafe {
        let clock = nix::libc::timerfd_create(nix::libc::CLOCK_MONOTONIC, nix::libc::TFD_CLOEXEC);
        let clock = OwnedFd::from_raw_fd(Errno::result(clock)?);
        let set = nix::libc::timerfd_settime(clock.as_raw_fd(), 0, &raw const ticks, null_mut());
        Errno::result(set)?;
        clock
    };
    while !TOLD.load(Ordering::Relaxed) {
        match read(&clock, &mut [0; 8]) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
