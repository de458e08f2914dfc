//! WRONG ON PURPOSE: it looks first and drains second, and what comes in between is lost.
//!
//! The sleep is given one second; without a limit it would not end. Ask yourself what the drained
//! byte stood for. Then swap steps 1 and 2.

use std::io::{self, Read};
use std::process;
use std::time::Duration;

use anyhow::{Context, Result};
use nix::errno::Errno;
use nix::sys::signal::Signal;
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid, waitpid};
use nix::unistd::{ForkResult, Pid, alarm, fork, getpid};
use self_pipe::SelfPipe;

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

/// What there is to see when one looks.
fn look(child: Pid) -> Result<String> {
    match waitpid(child, Some(WaitPidFlag::WNOHANG)).context("cannot wait")? {
        WaitStatus::Exited(_, code) => Ok(format!("it has ended, with code {code}")),
        _ => Ok("it lives".to_string()),
    }
}

fn main() -> Result<()> {
    alarm::set(20); // a bound, if all else fails
    let me = getpid();
    let mut pipe = SelfPipe::new().context("cannot make a self-pipe")?;
    pipe.wake_on(Signal::SIGCHLD).context("cannot catch SIGCHLD")?;
    let (child, latch) = child_on_a_leash()?;

    // ANCHOR: order
    println!("[parent {me}] 1. I look at pid {child}: {}", look(child)?);

    let_it_die(child, latch)?;
    println!("[parent {me}] (it dies here. A byte is in my pipe)");

    pipe.drain().context("cannot drain the pipe")?;
    println!("[parent {me}] 2. I drain the pipe");

    let woken = pipe.sleep(&[], Some(Duration::from_secs(1))).context("cannot sleep")?;
    println!("[parent {me}] 3. I sleep. What ended it: {woken:?}");
    // ANCHOR_END: order
    println!("[parent {me}] I look at pid {child}: {}", look(child)?);
    Ok(())
}
