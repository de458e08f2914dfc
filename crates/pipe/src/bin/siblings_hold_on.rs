//! WRONG ON PURPOSE: each worker keeps its sibling's write end, so the master's death goes unseen.
//!
//! Ask yourself who holds the write end of worker 0's pipe when the master is gone, and how the
//! answer gets worse with twenty workers. Worker 0 gives up after a second, worker 1 after ten.

use std::io::{PipeReader, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::{process, thread};

use anyhow::{Context, Result};
use nix::poll::{PollFd, PollFlags, poll};
use nix::sys::wait::waitpid;
use nix::unistd::{ForkResult, Pid, alarm, fork, getpid, getppid};
use pipe::pipe;

// ANCHOR: worker
fn worker(slot: usize, master: Pid, control: &OwnedFd, patience: u16) -> Result<()> {
    alarm::set(20); // a bound
    while getppid() == master {
        thread::yield_now(); // until the master is dead, and the kernel has found us another parent
    }
    let mut fds = [PollFd::new(control.as_fd(), PollFlags::POLLIN)];
    let what = match poll(&mut fds, patience).context("cannot wait for the end")? {
        0 => "the master is dead, and my pipe has no end: I give up",
        _ => "only now my pipe has ended",
    };
    println!("[worker {slot}, pid {}] {what}", getpid());
    Ok(())
}
// ANCHOR_END: worker

fn spawn(work: impl FnOnce() -> Result<()>) -> Result<Pid> {
    // SAFETY: this program has one thread.
    if let ForkResult::Parent { child } = unsafe { fork() }.context("cannot fork")? {
        return Ok(child);
    }
    let failed = work().inspect_err(|error| eprintln!("Error: {error:#}")).is_err();
    process::exit(failed.into())
}

// ANCHOR: master
fn master() -> Result<()> {
    let me = getpid();
    let (read_0, write_0) = pipe().context("cannot make a pipe")?;
    let (read_1, write_1) = pipe().context("cannot make a pipe")?;
    let (mut write_0, mut write_1) = (Some(write_0), Some(write_1));
    spawn(|| {
        write_0.take(); // my own, as in pipe_hello. And the other?
        worker(0, me, &read_0, 1000)
    })?;
    spawn(|| {
        write_1.take();
        worker(1, me, &read_1, 10_000)
    })?;
    println!("[master {me}] two workers, and I die");
    Ok(())
}
// ANCHOR_END: master

fn main() -> Result<()> {
    // Whoever lives holds the write end of this one: it ends when all of them have.
    let (life, alive) = pipe().context("cannot make a pipe")?;
    let dead = spawn(master)?;
    drop(alive);
    waitpid(dead, None).context("cannot wait for the master")?;
    PipeReader::from(life).read_to_end(&mut Vec::new()).context("cannot wait for the workers")?;
    println!("[witness {}] all are gone", getpid());
    Ok(())
}
