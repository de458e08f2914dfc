//! SIGTERM ends a child, and the program sleeps until that one has ended.

use nix::errno::Errno;
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, kill, sigaction};
use nix::sys::wait::waitpid;
use nix::unistd::{ForkResult, Pid, fork, pause};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};

/// SIGTERM has come.
static TOLD: AtomicBool = AtomicBool::new(false);
/// Whom SIGTERM ends; 0: nobody yet.
static CHILD: AtomicI32 = AtomicI32::new(0);

extern "C" fn on_term(_: nix::libc::c_int) {
    TOLD.store(true, Ordering::Relaxed);
    let child = CHILD.load(Ordering::Relaxed);
    if child > 0 {
        let errno = Errno::last_raw();
        let _ = kill(Pid::from_raw(child), Signal::SIGKILL);
        Errno::set_raw(errno);
    }
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
        // SAFETY: the handlers do nothing but store to an atomic, call kill, and put errno back.
        unsafe { sigaction(signal, &action) }?;
    }
    println!("ready");
    wait_until_told()?;
    println!("told");
    Ok(())
}

/// Sleeps until SIGTERM has come, be that before this is called, in the middle of it, or much later.
fn wait_until_told() -> nix::Result<()> {
    let term = SigSet::from(Signal::SIGTERM);
    term.thread_block()?;
    // SAFETY: this program has one thread.
    let child = match unsafe { fork() }? {
        ForkResult::Child => loop {
            pause();
        },
        ForkResult::Parent { child } => child,
    };
    CHILD.store(child.as_raw(), Ordering::Relaxed);
    if TOLD.load(Ordering::Relaxed) {
        kill(child, Signal::SIGKILL)?;
    }
    term.thread_unblock()?;
    loop {
        match waitpid(child, None) {
            Err(Errno::EINTR) => {}
            ended => return ended.map(drop),
        }
    }
}
