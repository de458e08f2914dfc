//! Says its pid first, and blocks SIGUSR1 while it sets the handlers.

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
    println!("my pid is {}", std::process::id());
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("lost-wakeup: {error}");
            ExitCode::from(2)
        }
    }
}

fn run() -> nix::Result<()> {
    let usr1 = SigSet::from(Signal::SIGUSR1);
    usr1.thread_block()?;
    let handlers: [(_, extern "C" fn(nix::libc::c_int)); 2] =
        [(Signal::SIGTERM, on_term), (Signal::SIGUSR1, on_usr1)];
    for (signal, handler) in handlers {
        let action =
            SigAction::new(SigHandler::Handler(handler), SaFlags::empty(), SigSet::empty());
        // SAFETY: the handlers do nothing but store to an atomic.
        unsafe { sigaction(signal, &action) }?;
    }
    usr1.thread_unblock()?;
    println!("ready");
    wait_until_told()?;
    println!("told");
    Ok(())
}

/// Sleeps until SIGTERM has come, be that before this is called, in the middle of it, or much later.
fn wait_until_told() -> nix::Result<()> {
    let before = SigSet::from(Signal::SIGTERM).thread_swap_mask(SigmaskHow::SIG_BLOCK)?;
    while !TOLD.load(Ordering::Relaxed) {
        before.suspend()?;
    }
    before.thread_set_mask()
}
