//! A child inherits which signals are blocked, and what to do with them, but not those that wait.
//!
//! One SIGUSR1 waits outside while the process splits in two. Both let it in; it comes to one.

use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, Result};
use nix::sys::signal::{SigSet, Signal, raise};
use nix::sys::wait::waitpid;
use nix::unistd::{ForkResult, fork, getpid};
use signals::{Disposition, block, pending, set_disposition};

static RUNS: AtomicU32 = AtomicU32::new(0);

extern "C" fn on_signal(_: libc::c_int) {
    RUNS.fetch_add(1, Ordering::Relaxed);
}

fn main() -> Result<()> {
    let usr1 = Signal::SIGUSR1;
    // SAFETY: the handler adds to an atomic, and nothing else.
    unsafe { set_disposition(usr1, Disposition::Handler(on_signal)) }
        .context("cannot catch SIGUSR1")?;

    // ANCHOR: split
    let held = block(&usr1.into()).context("cannot block SIGUSR1")?;
    raise(usr1).context("cannot send SIGUSR1")?;
    // SAFETY: this program has one thread.
    let who = match unsafe { fork() }.context("cannot fork")? {
        ForkResult::Child => "child",
        ForkResult::Parent { child } => {
            waitpid(child, None).context("cannot wait for the child")?;
            "parent"
        }
    };
    let blocked = SigSet::thread_get_mask()?.contains(usr1);
    let waits = pending()?.contains(usr1);
    println!("[{who} {}] SIGUSR1 blocked: {blocked}, pending: {waits}", getpid());
    drop(held);
    let runs = RUNS.load(Ordering::Relaxed);
    println!("[{who} {}] unblocked; handler runs: {runs}", getpid());
    // ANCHOR_END: split
    Ok(())
}
