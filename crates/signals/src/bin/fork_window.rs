//! WRONG ON PURPOSE: a new worker is told to go before it has let go of its master's handler.
//!
//! Ask yourself whose code answers the SIGTERM. `fork_window blocked` does it right. The gap
//! between fork and reset is held open here until the signal is in it; nobody waits over a minute.

use std::io::{PipeReader, PipeWriter, Read, Write, pipe};
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result, bail};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, alarm, fork, getpid, pause};
use signals::{Blocked, Disposition, block, set_disposition};

const USAGE: &str = "usage: fork_window [blocked]";
static LEAVE: AtomicBool = AtomicBool::new(false);

extern "C" fn on_term(_: libc::c_int) {
    LEAVE.store(true, Ordering::Relaxed); // the master's loop looks at it
}

fn work(mut gap: PipeReader, mut serving: PipeWriter, held: Option<Blocked>) -> Result<()> {
    alarm::set(60);
    gap.read_exact(&mut [0])?; // the gap: nothing below has run yet

    // ANCHOR: reset
    if let Some(held) = &held {
        println!("[worker {}] I reset the handlers, then unblock", getpid());
        held.begin_child(|| Ok(()))?;
    } else {
        // SAFETY: the default runs no code of ours.
        unsafe { set_disposition(Signal::SIGTERM, Disposition::Default) }?;
    }
    // ANCHOR_END: reset

    let swallowed = LEAVE.load(Ordering::Relaxed);
    println!("[worker {}] I serve. Did my master's handler run in me? {swallowed}", getpid());
    serving.write_all(b"!")?;
    pause();
    Ok(())
}

fn main() -> Result<()> {
    let blocked = match std::env::args().nth(1).as_deref() {
        None => false,
        Some("blocked") => true,
        Some("--help") => {
            println!("{USAGE}");
            return Ok(());
        }
        Some(_) => bail!(USAGE),
    };
    let me = getpid();
    // SAFETY: the handler stores a flag, and nothing else.
    unsafe { set_disposition(Signal::SIGTERM, Disposition::Handler(on_term)) }
        .context("cannot catch SIGTERM")?;
    let (gap, mut opener) = pipe().context("cannot make a pipe")?;
    let (mut hear, serving) = pipe().context("cannot make a pipe")?;

    // ANCHOR: window
    let held = if blocked { Some(block(&Signal::SIGTERM.into())?) } else { None };
    // SAFETY: this program has one thread.
    let ForkResult::Parent { child } = unsafe { fork() }.context("cannot fork")? else {
        return work(gap, serving, held);
    };
    drop((held, serving));
    println!("[master {me}] made a worker, pid {child}; SIGTERM to it, at once");
    kill(child, Signal::SIGTERM).context("cannot send SIGTERM")?;
    opener.write_all(b"!").context("cannot open the gap")?;
    // ANCHOR_END: window

    if hear.read(&mut [0])? > 0 {
        println!("[master {me}] it was told to go, and serves. I use SIGKILL");
        kill(child, Signal::SIGKILL).context("cannot send SIGKILL")?;
    }
    if let WaitStatus::Signaled(_, signal, _) = waitpid(child, None).context("cannot wait")? {
        println!("[master {me}] it is gone, by {signal}");
    }
    Ok(())
}
