//! The same bad luck without a pipe: the signal is blocked until ppoll(2) lets it in.
//!
//! ppoll swaps the mask and goes to sleep in one step, so there is no gap to fall into. The sleep
//! may take ten seconds, and takes none. (ppoll: Linux and the BSDs; pselect is everywhere.)

use std::io::{self, Read};
use std::process;

use anyhow::{Context, Result};
use nix::poll::ppoll;
use nix::sys::signal::{SigSet, Signal};
use nix::sys::time::{TimeSpec, TimeValLike};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid, waitpid};
use nix::unistd::{ForkResult, Pid, fork, getpid};
use signals::{Disposition, block, set_disposition};

/// Has nothing to do: that it runs is what ends the sleep. An ignored signal would not.
extern "C" fn on_chld(_: libc::c_int) {}

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

/// Bad luck, on demand: the child dies now, and SIGCHLD has been sent when this returns.
fn let_it_die(child: Pid, latch: io::PipeWriter) -> Result<()> {
    drop(latch);
    let died = waitid(Id::Pid(child), WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT);
    died.map(drop).context("cannot wait")
}

/// What there is to see when one looks.
fn look(child: Pid) -> Result<String> {
    match waitpid(child, Some(WaitPidFlag::WNOHANG)).context("cannot wait")? {
        WaitStatus::Exited(_, code) => Ok(format!("it has ended, with code {code}")),
        _ => Ok("it lives".to_string()),
    }
}

fn main() -> Result<()> {
    let me = getpid();
    // ANCHOR: gap
    // SAFETY: `on_chld` does nothing.
    unsafe { set_disposition(Signal::SIGCHLD, Disposition::Handler(on_chld)) }
        .context("cannot catch SIGCHLD")?;
    let (child, latch) = child_on_a_leash()?;
    let mask = SigSet::thread_get_mask().context("cannot read the signal mask")?;
    let _blocked = block(&SigSet::from(Signal::SIGCHLD)).context("cannot block SIGCHLD")?;

    println!("[parent {me}] I look at pid {child}: {}", look(child)?);

    let_it_die(child, latch)?;
    println!("[parent {me}] (it dies here. SIGCHLD is pending)");

    let woken = ppoll(&mut [], Some(TimeSpec::seconds(10)), Some(mask));
    println!("[parent {me}] I sleep. What ppoll answers: {woken:?}");
    println!("[parent {me}] I look at pid {child}: {}", look(child)?);
    // ANCHOR_END: gap
    Ok(())
}
