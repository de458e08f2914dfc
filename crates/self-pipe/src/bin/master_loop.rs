//! A master's main loop, as in Unicorn: reap, take one signal, else sleep.
//!
//! Signals come in a burst, then a worker ends while the master sleeps. It ends by itself: no sleep
//! takes longer than ten seconds.

use std::io::{self, Read};
use std::time::Duration;

use anyhow::{Context, Result};
use nix::sys::signal::{Signal, raise};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{ForkResult, alarm, fork, getpid};
use self_pipe::SignalQueue;

fn main() -> Result<()> {
    alarm::set(20); // a bound, if all else fails
    let me = getpid();
    // ANCHOR: queue
    let mut queue = SignalQueue::new(
        &[Signal::SIGHUP, Signal::SIGTTIN, Signal::SIGQUIT], // to be acted on, in order
        &[Signal::SIGCHLD],                                  // to be woken by
    )
    .context("cannot make a signal queue")?;
    // ANCHOR_END: queue

    let (mut gate, latch) = io::pipe().context("cannot make a pipe")?;
    // SAFETY: this program has one thread.
    if let ForkResult::Child = unsafe { fork() }.context("cannot fork")? {
        drop((queue, latch)); // a worker has its own ideas about signals
        gate.read(&mut [0]).context("cannot wait")?;
        println!("[worker {}] I leave", getpid());
        return Ok(());
    }
    let mut worker = Some(latch);
    let mut sleeps = 0;

    println!("[master {me}] busy, when these come: TTIN HUP TTIN TTIN HUP");
    for signal in ["SIGTTIN", "SIGHUP", "SIGTTIN", "SIGTTIN", "SIGHUP"] {
        raise(signal.parse().context("no such signal")?).context("cannot signal myself")?;
    }

    // ANCHOR: loop
    loop {
        // 1. Reap, first and in every turn: a death has no place in the queue.
        while let Ok(WaitStatus::Exited(pid, code)) = waitpid(None, Some(WaitPidFlag::WNOHANG)) {
            println!("[master {me}] reaped pid {pid}: exit code {code}");
            raise(Signal::SIGQUIT).context("cannot signal myself")?; // so that this demo ends
        }
        // 2. One signal, and back to 1: what it took to act on it may have taken a while.
        match queue.next_signal() {
            Some(Signal::SIGQUIT) => break,
            Some(signal) => println!("[master {me}] {signal}: I act on it"),
            // 3. Nothing waits. (Here the unicorn kills who hangs, and makes who is missing.) Sleep:
            //    it drains last, so that whatever comes from now on ends the next sleep.
            None => {
                println!("[master {me}] nothing to do: I sleep");
                sleeps += 1;
                if sleeps == 2 {
                    worker.take(); // the worker may go
                }
                let woken = queue.sleep(&[], Some(Duration::from_secs(10)));
                println!("[master {me}] {:?}", woken.context("cannot sleep")?);
            }
        }
    }
    // ANCHOR_END: loop
    println!("[master {me}] SIGQUIT: I leave");
    Ok(())
}
