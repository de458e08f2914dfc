//! WRONG ON PURPOSE: a look at a flag, then a sleep, and the signal comes in between.
//!
//! Its select(2) is given one second; without a limit it would sleep for ever. Ask yourself what
//! the handler could have done to end a sleep that had not begun. Then see `kept_wakeup`.

use std::io::{self, Read};
use std::process;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

use anyhow::{Context, Result};
use nix::errno::Errno;
use nix::sys::select::select;
use nix::sys::signal::Signal;
use nix::sys::time::{TimeVal, TimeValLike};
use nix::sys::wait::{Id, WaitPidFlag, waitid};
use nix::unistd::{ForkResult, Pid, fork, getpid};
use signals::{Disposition, set_disposition};

static ENDED: AtomicBool = AtomicBool::new(false);

extern "C" fn on_chld(_: libc::c_int) {
    ENDED.store(true, SeqCst);
}

/// A child that lives until the writer is dropped.
fn child_on_a_leash() -> Result<(Pid, io::PipeWriter)> {
    let (mut gate, latch) = io::pipe().context("cannot make a pipe")?;
    // SAFETY: this program has one thread.
    match unsafe { fork() }.context("cannot fork")? {
        ForkResult::Parent { child } => Ok((child, latch)),
        ForkResult::Child => {
            drop(latch);
            let waited = gate.read(&mut [0]);
            process::exit(if waited.is_ok() { 7 } else { 1 })
        }
    }
}

// ANCHOR: luck
/// Bad luck, on demand: the child dies now, and what SIGCHLD does is done when this returns.
fn let_it_die(child: Pid, latch: io::PipeWriter) -> Result<()> {
    drop(latch);
    loop {
        match waitid(Id::Pid(child), WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT) {
            Err(Errno::EINTR) => continue,
            died => return died.map(drop).context("cannot wait"),
        }
    }
}
// ANCHOR_END: luck

fn main() -> Result<()> {
    let me = getpid();
    // SAFETY: `on_chld` stores into an atomic, and nothing else.
    unsafe { set_disposition(Signal::SIGCHLD, Disposition::Handler(on_chld)) }
        .context("cannot catch SIGCHLD")?;
    let (child, latch) = child_on_a_leash()?;

    // ANCHOR: gap
    if !ENDED.load(SeqCst) {
        println!("[parent {me}] I look: the flag is down, so I may sleep");

        let_it_die(child, latch)?;
        println!("[parent {me}] (pid {child} dies here. The flag is up: {})", ENDED.load(SeqCst));

        let woken = select(0, None, None, None, &mut TimeVal::seconds(1));
        println!("[parent {me}] I sleep. What select answers: {woken:?}, for its second is over");
    }
    // ANCHOR_END: gap
    Ok(())
}
