//! The gap is there, and a clock that rings a hundred times in a second wakes whoever has fallen into it.
//! Told: "sets a timer, to get up by the clock"

use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};
use std::process::ExitCode;
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

fn wait_until_told() -> nix::Result<()> {
    let action = SigAction::new(SigHandler::Handler(on_usr1), SaFlags::empty(), SigSet::empty());
    // SAFETY: the handler does nothing.
    unsafe { sigaction(Signal::SIGALRM, &action) }?;
    let often = nix::libc::timeval { tv_sec: 0, tv_usec: 10_000 };
    let rings = nix::libc::itimerval { it_interval: often, it_value: often };
    // SAFETY: the time lives through the call.
    let set = unsafe {
        nix::libc::setitimer(nix::libc::ITIMER_REAL, &raw const rings, std::ptr::null_mut())
    };
    nix::errno::Errno::result(set)?;
    while !TOLD.load(Ordering::Relaxed) {
        nix::unistd::pause();
    }
    Ok(())
}
