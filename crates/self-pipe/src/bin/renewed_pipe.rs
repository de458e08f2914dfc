//! Block, fork, renew, unblock: the child's signals wake the child, and the parent's the parent.
//!
//! The parent has a SIGTERM waiting when it forks, and keeps it. An alarm would end each of the two
//! after twenty seconds.

use std::time::Duration;

use anyhow::{Context, Result};
use nix::sys::signal::{SigSet, Signal, raise};
use nix::sys::wait::waitpid;
use nix::unistd::{ForkResult, alarm, fork, getpid};
use self_pipe::SignalQueue;
use signals::{Blocked, block};

const LONG: Option<Duration> = Some(Duration::from_secs(10));

// ANCHOR: child
fn be_a_child(mut queue: SignalQueue, blocked: Blocked) -> Result<()> {
    alarm::set(20); // alarms are not inherited
    let me = getpid();
    println!("[child {me}] SIGUSR1 comes before I have a pipe of my own: it waits outside");
    raise(Signal::SIGUSR1).context("cannot signal myself")?;

    blocked.begin_child(|| queue.renew()).context("cannot renew the pipe")?; // now it comes in
    let woken = queue.sleep(&[], LONG).context("cannot sleep")?;
    println!("[child {me}] with a pipe of my own, {woken:?}");
    while let Some(signal) = queue.next_signal() {
        println!("[child {me}] next signal: {signal}");
    }
    Ok(())
}
// ANCHOR_END: child

fn main() -> Result<()> {
    alarm::set(20); // a bound, if all else fails
    let me = getpid();
    let mut queue = SignalQueue::new(&[Signal::SIGUSR1, Signal::SIGTERM], &[])
        .context("cannot make a signal queue")?;

    println!("[parent {me}] SIGTERM comes; I fork before I look");
    // ANCHOR: fork
    raise(Signal::SIGTERM).context("cannot signal myself")?;
    let blocked = block(&SigSet::all()).context("cannot block signals")?;
    // SAFETY: this program has one thread.
    let child = match unsafe { fork() }.context("cannot fork")? {
        ForkResult::Parent { child } => child,
        ForkResult::Child => return be_a_child(queue, blocked),
    };
    drop(blocked);
    // ANCHOR_END: fork

    waitpid(child, None).context("cannot wait for the child")?;
    while let Some(signal) = queue.next_signal() {
        println!("[parent {me}] next signal: {signal}");
    }
    queue.sleep(&[], Some(Duration::ZERO)).context("cannot sleep")?; // for SIGTERM's own byte
    let woken = queue.sleep(&[], Some(Duration::ZERO)).context("cannot sleep")?;
    println!("[parent {me}] and of my child's signals I heard nothing: {woken:?}");
    Ok(())
}
