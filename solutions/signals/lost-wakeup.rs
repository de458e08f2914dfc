//! lost-wakeup: sleeps until SIGTERM has come, whenever it comes.
//!
//! The tempting mistake is `while !TOLD { pause() }`. Between the look and the pause there is a gap of a few instructions. A signal that comes
//! in it has its handler run, which stores the note that has just been looked at, and then the process sleeps on it, for good. To block the signal
//! during the look and to unblock it before the pause only moves the gap: it is now between unblocking and pausing.
//!
//! What is needed is one call that does both: lets the signal in *and* sleeps, so that it is either still waiting outside (and ends the
//! sleep at once) or comes later (and ends it then). `sigsuspend(2)` is that call, and `ppoll(2)` and `pselect(2)` are, for who waits for
//! descriptors as well. It takes the mask for the time of the sleep: the one that was there before, and not an empty one.

use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, SigmaskHow, Signal, sigaction};
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

/// Sleeps until SIGTERM has come, be that before this is called, in the middle of it, or much later.
fn wait_until_told() -> nix::Result<()> {
    // 1. From here on, SIGTERM waits outside.
    let before = SigSet::from(Signal::SIGTERM).thread_swap_mask(SigmaskHow::SIG_BLOCK)?;
    // 2. So what the look says stays true
    while !TOLD.load(Ordering::Relaxed) {
        // 3. until it is let in, and that is the sleep.
        before.suspend()?;
    }
    before.thread_set_mask()
}
