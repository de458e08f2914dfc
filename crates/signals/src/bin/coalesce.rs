//! WRONG ON PURPOSE: one run of the SIGCHLD handler is taken for one death, and four zombies stay.
//!
//! Ten children die: five one by one, then five while SIGCHLD is blocked. Ask yourself what there
//! is in the kernel that could count signals. Then look at the last four lines.

use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, Result};
use nix::sys::signal::Signal;
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid, waitpid};
use nix::unistd::{ForkResult, fork, getpid};
use signals::{Disposition, block, pending, set_disposition};
use syscalls::retry_on_eintr;

static RUNS: AtomicU32 = AtomicU32::new(0);

extern "C" fn on_child(_: libc::c_int) {
    RUNS.fetch_add(1, Ordering::Relaxed);
}

/// Makes a child that exits at once, sleeps until it has, and leaves it a zombie.
fn a_death() -> Result<()> {
    // SAFETY: this program has one thread.
    match unsafe { fork() }.context("cannot fork")? {
        // SAFETY: takes no pointer, and does not return.
        ForkResult::Child => unsafe { libc::_exit(0) },
        ForkResult::Parent { child } => {
            let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT;
            retry_on_eintr(|| waitid(Id::Pid(child), flags)).context("cannot wait")?;
        }
    }
    Ok(())
}

fn main() -> Result<()> {
    let me = getpid();
    // SAFETY: the handler adds to an atomic, and nothing else.
    unsafe { set_disposition(Signal::SIGCHLD, Disposition::Handler(on_child)) }
        .context("cannot catch SIGCHLD")?;

    // ANCHOR: apart
    for _ in 0..5 {
        a_death()?;
    }
    let runs = RUNS.swap(0, Ordering::Relaxed);
    println!("[parent {me}] five deaths, one by one: the handler ran {runs} times");
    for _ in 0..runs {
        waitpid(None, None).context("cannot reap")?;
    }
    // ANCHOR_END: apart

    // ANCHOR: together
    let held = block(&Signal::SIGCHLD.into()).context("cannot block SIGCHLD")?;
    for _ in 0..5 {
        a_death()?;
    }
    let waits = pending().context("cannot ask")?.contains(Signal::SIGCHLD);
    println!("[parent {me}] five deaths with SIGCHLD blocked; is it pending? {waits}");
    drop(held);
    let runs = RUNS.swap(0, Ordering::Relaxed);
    println!("[parent {me}] unblocked: the handler ran {runs} time");
    for _ in 0..runs {
        waitpid(None, None).context("cannot reap")?; // what is missing here?
    }
    // ANCHOR_END: together

    // ANCHOR: loop
    while let Ok(WaitStatus::Exited(zombie, _)) = waitpid(None, Some(WaitPidFlag::WNOHANG)) {
        println!("[parent {me}] and pid {zombie} was still a zombie");
    }
    // ANCHOR_END: loop
    Ok(())
}
