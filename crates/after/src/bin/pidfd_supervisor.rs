//! A supervisor keeps three workers alive by poll(2) on their pidfds: no SIGCHLD, no handler.
//!
//! One worker has an accident, one is killed. Ends by itself; each worker leaves after ten seconds
//! even if nobody tells it to. Linux only.

use std::mem;
use std::os::fd::AsFd;

use after::Process;
use anyhow::{Context, Result};
use nix::sys::signal::Signal;
use nix::unistd::{alarm, getpid, pause};
use select::poll_readable;

const SUPERVISED: usize = 3;

fn start(slot: usize, accident: bool) -> Result<Process> {
    // SAFETY: this program has one thread.
    let worker = unsafe {
        Process::spawn(|| {
            if accident {
                return 3;
            }
            alarm::set(10);
            loop {
                pause(); // where a server would serve
            }
        })
    };
    let worker = worker.with_context(|| format!("cannot start worker {slot}"))?;
    println!("[supervisor {}] worker {slot} is pid {}", getpid(), worker.pid());
    Ok(worker)
}

fn main() -> Result<()> {
    let me = getpid();
    alarm::set(30); // a bound for all of it
    let mut workers = Vec::new();
    for slot in 0..SUPERVISED {
        workers.push(start(slot, slot == 1)?);
    }

    // ANCHOR: supervise
    let mut buried = Vec::new();
    while buried.len() < 2 {
        let pidfds: Vec<_> = workers.iter().map(Process::as_fd).collect();
        for slot in poll_readable(&pidfds, None).context("cannot wait")? {
            let exit = workers[slot].wait().context("cannot reap")?;
            let pid = workers[slot].pid();
            println!("[supervisor {me}] worker {slot}'s pidfd is readable: pid {pid}, {exit}");
            buried.push(mem::replace(&mut workers[slot], start(slot, false)?));
        }
        if buried.len() == 1 {
            println!("[supervisor {me}] SIGKILL to worker 2");
            workers[2].signal(Signal::SIGKILL).context("cannot kill worker 2")?;
        }
    }
    // ANCHOR_END: supervise

    // ANCHOR: late
    for dead in buried {
        if let Err(error) = dead.signal(Signal::SIGKILL) {
            println!("[supervisor {me}] SIGKILL to what was pid {}: {error}", dead.pid());
        }
    }
    // ANCHOR_END: late
    for (slot, worker) in workers.iter().enumerate() {
        worker.signal(Signal::SIGTERM).context("cannot end a worker")?;
        let exit = worker.wait().context("cannot reap")?;
        println!("[supervisor {me}] worker {slot}, pid {}, ended: {exit}", worker.pid());
    }
    Ok(())
}
