//! SIGTERM is blocked before it has a handler, and let in by the sleep only.

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
    SigSet::from(Signal::SIGTERM).thread_block()?;
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
    let mut open = SigSet::thread_get_mask()?;
    open.remove(Signal::SIGTERM);
    while !TOLD.load(Ordering::Relaxed) {
        open.suspend()?;
    }
    Ok(())
}
