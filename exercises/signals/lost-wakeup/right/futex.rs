//! The note is a futex: the kernel looks at it and sleeps, in one step.

use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};
use std::process::ExitCode;
use std::sync::atomic::{AtomicU32, Ordering};

/// SIGTERM has come.
static TOLD: AtomicU32 = AtomicU32::new(0);

extern "C" fn on_term(_: nix::libc::c_int) {
    TOLD.store(1, Ordering::SeqCst);
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
    use nix::libc;
    const WAIT: libc::c_int = libc::FUTEX_WAIT | libc::FUTEX_PRIVATE_FLAG;
    while TOLD.load(Ordering::SeqCst) == 0 {
        let for_ever = std::ptr::null::<libc::timespec>();
        // Whatever it returns, there is another look.
        // SAFETY: the note is there for as long as the program is, and no time limit is none to be read.
        unsafe { libc::syscall(libc::SYS_futex, TOLD.as_ptr(), WAIT, 0, for_ever) };
    }
    Ok(())
}
