//! A master commands its workers through pipes, and when it dies each of them knows at once.
//!
//! Worker 1 is told to QUIT. Then the master is killed, and the others see their pipes end. Ends by
//! itself; a worker to whom nothing happens leaves after ten seconds.

use std::io::{PipeReader, Read};
use std::os::fd::AsFd;
use std::process;

use anyhow::{Context, Result, bail};
use nix::poll::{PollFd, PollFlags, poll};
use nix::sys::signal::{Signal, raise};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid, fork, getpid};
use pipe::{Command, ControlPipe, ControlPipes, pipe};

// ANCHOR: worker
fn worker(slot: usize, control: ControlPipe) -> Result<()> {
    loop {
        let mut fds = [PollFd::new(control.as_fd(), PollFlags::POLLIN)];
        if poll(&mut fds, 10_000u16).context("cannot wait for a command")? == 0 {
            bail!("no command in ten seconds");
        }
        let news = match control.receive().context("cannot read a command")? {
            Some(Command::Signal(Signal::SIGQUIT)) => "QUIT: I leave",
            Some(Command::MasterDied) => "end of file: my master is dead, I leave",
            Some(Command::Signal(_)) | None => continue,
        };
        println!("[worker {slot}, pid {}] {news}", getpid());
        return Ok(());
    }
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
    let mut pipes = ControlPipes::new();
    let mut workers = Vec::new();
    for slot in 0..3 {
        pipes.prepare(slot).context("cannot make a pipe")?;
        workers.push(spawn(|| worker(slot, pipes.keep_only(slot)?))?);
        pipes.keep_write_ends(); // at once, or the next worker inherits this read end
        println!("[master {me}] worker {slot} is pid {}", workers[slot]);
    }

    let sent = pipes.send(1, Signal::SIGQUIT).context("cannot command worker 1")?;
    println!("[master {me}] QUIT to worker 1: {sent:?}");
    waitpid(workers[1], None).context("cannot wait for worker 1")?;
    let sent = pipes.send(1, Signal::SIGQUIT).context("cannot command worker 1")?;
    println!("[master {me}] QUIT to worker 1 again: {sent:?}");
    raise(Signal::SIGKILL).context("cannot die")?;
    unreachable!("nobody survives SIGKILL")
}
// ANCHOR_END: master

fn main() -> Result<()> {
    // Whoever lives holds the write end of this one: it ends when all of them have.
    let (life, alive) = pipe().context("cannot make a pipe")?;
    let killed = spawn(master)?;
    drop(alive);
    let WaitStatus::Signaled(..) = waitpid(killed, None).context("cannot wait for the master")?
    else {
        bail!("the master was to be killed");
    };
    PipeReader::from(life).read_to_end(&mut Vec::new()).context("cannot wait for the workers")?;
    println!("[witness {}] the master was killed, and no worker is left", getpid());
    Ok(())
}
