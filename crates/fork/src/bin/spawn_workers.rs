//! A master keeps three workers alive: Unicorn's `spawn_missing_workers`.
//!
//! Worker 1 has an accident. The master reaps it, and its replacement gets its number.
//! Ends by itself; each worker leaves after ten seconds even if nobody tells it to.

use anyhow::{Context, Result};
use fork::{Children, reap_all, spawn_missing, wait_for};
use nix::sys::signal::{SigSet, Signal, kill};
use nix::sys::wait::{Id, WaitPidFlag, waitid};
use nix::unistd::{alarm, getpid};

const WORKERS: usize = 3;

// ANCHOR: worker
fn worker(slot: usize, accident: bool) -> u8 {
    println!("[worker {slot}, pid {}] ready", getpid());
    if accident {
        println!("[worker {slot}, pid {}] an accident: I leave with code 1", getpid());
        return 1;
    }
    alarm::set(10);
    // Where a server would serve, this one waits to be told that it may go.
    match SigSet::from(Signal::SIGTERM).wait() {
        Ok(_) => 0,
        Err(_) => 2,
    }
}
// ANCHOR_END: worker

fn main() -> Result<()> {
    let me = getpid();
    // A TERM that comes before a worker waits for it stays pending until then (chapter 4).
    SigSet::from(Signal::SIGTERM).thread_block().context("cannot block SIGTERM")?;

    // ANCHOR: master
    let mut children = Children::new();
    println!("[master {me}] workers {:?} are missing", children.missing(WORKERS));
    // SAFETY: this program has one thread.
    unsafe { spawn_missing(&mut children, WORKERS, |slot| worker(slot, slot == 1)) }
        .context("cannot spawn the workers")?;
    for (slot, pid) in children.iter() {
        println!("[master {me}] worker {slot} is pid {pid}");
    }

    // Sleep until somebody has ended (WNOWAIT leaves it a zombie), then reap whoever has.
    waitid(Id::All, WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT).context("cannot wait")?;
    for dead in reap_all(&mut children).context("cannot reap")? {
        println!("[master {me}] reaped pid {}: {}", dead.pid, dead.exit);
    }

    println!("[master {me}] workers {:?} are missing", children.missing(WORKERS));
    // SAFETY: still one thread: the workers are processes.
    unsafe { spawn_missing(&mut children, WORKERS, |slot| worker(slot, false)) }
        .context("cannot spawn the missing worker")?;
    // ANCHOR_END: master

    for (slot, pid) in children.iter() {
        kill(pid, Signal::SIGTERM).with_context(|| format!("cannot end worker {slot}"))?;
        let exit = wait_for(pid).with_context(|| format!("cannot wait for worker {slot}"))?;
        println!("[master {me}] worker {slot}, pid {pid}, ended: {exit}");
    }
    Ok(())
}
