//! One listening socket in two processes: both hear of a connection, one gets it.
//!
//! The workers stop themselves (SIGSTOP) at each step, and the master says who goes on: so the
//! race comes out the same each time. /proc is asked what they share: Linux only.

use std::fs;
use std::os::fd::{AsFd, AsRawFd};

use anyhow::{Context, Result, ensure};
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::{Signal, kill, raise};
use nix::sys::wait::{WaitPidFlag, waitpid};
use nix::unistd::{ForkResult, Pid, alarm, fork, getpid, getppid};
use select::{Accepted, Listener, Options, wait_readable};

// ANCHOR: worker
fn worker(number: usize, listener: &Listener) -> Result<()> {
    let name = format!("[worker {number}, pid {}]", getpid());
    loop {
        raise(Signal::SIGSTOP)?;
        wait_readable(&[listener.as_fd()], None).context("cannot wait")?;
        println!("{name} select says: readable");

        raise(Signal::SIGSTOP)?;
        match listener.accept().context("cannot accept")? {
            Accepted::Connection(_) => println!("{name} accept: a connection"),
            Accepted::Nobody => println!("{name} accept: nobody there (EAGAIN); I wait again"),
        }
    }
}
// ANCHOR_END: worker

/// Waits until the worker has stopped itself.
fn stopped(worker: Pid) -> Result<()> {
    waitpid(worker, Some(WaitPidFlag::WUNTRACED)).context("cannot wait for a worker")?;
    Ok(())
}

/// Lets a worker go on, to where it stops itself next.
fn turn(worker: Pid) -> Result<()> {
    kill(worker, Signal::SIGCONT).context("cannot let a worker go on")?;
    stopped(worker)
}

fn main() -> Result<()> {
    let me = getpid();
    alarm::set(30); // a bound for all of it
    let listener = Listener::bind(&"127.0.0.1:0".parse()?, Options::default())?;
    let mut workers = Vec::new();
    for number in 0..2 {
        // SAFETY: this program has one thread.
        let ForkResult::Parent { child } = unsafe { fork() }.context("cannot fork")? else {
            set_pdeathsig(Signal::SIGKILL)?; // if the master ends, so do we, stopped or not
            ensure!(getppid() == me, "the master has ended already");
            return worker(number, &listener);
        };
        workers.push(child);
    }
    // ANCHOR: race
    let socket_of = |pid| fs::read_link(format!("/proc/{pid}/fd/{}", listener.as_fd().as_raw_fd()));
    let mine = socket_of(me).context("cannot read /proc")?;
    for &pid in &workers {
        stopped(pid)?;
        let same = socket_of(pid).context("cannot read /proc")? == mine;
        println!("[master {me}] pid {pid} has my very socket: {same}");
    }
    for order in [[0, 1], [1, 0]] {
        println!("[master {me}] a connection; worker {} may go first", order[0]);
        let _client = listener.address().connect().context("cannot connect")?;
        for next in [order[0], order[1], order[0], order[1]] {
            turn(workers[next])?; // both to their select, then both to their accept
        }
    }
    // ANCHOR_END: race
    for pid in workers {
        kill(pid, Signal::SIGKILL).context("cannot end a worker")?;
        waitpid(pid, None).context("cannot wait for a worker")?;
    }
    Ok(())
}
