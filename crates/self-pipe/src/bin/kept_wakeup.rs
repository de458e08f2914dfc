//! The same bad luck as in `lost_wakeup`, and a pipe that remembers it.
//!
//! The sleep may take ten seconds, and takes none: a byte is there before it begins.

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

    // ANCHOR: gap
    println!("[parent {me}] I look at pid {child}: {}", look(child)?);

    let_it_die(child, latch)?;
    println!("[parent {me}] (it dies here. A byte is in my pipe)");

    let woken = pipe.sleep(&[], Some(Duration::from_secs(10))).context("cannot sleep")?;
    println!("[parent {me}] I sleep. What ended it: {woken:?}");
    println!("[parent {me}] I look at pid {child}: {}", look(child)?);
    // ANCHOR_END: gap
    Ok(())
}
