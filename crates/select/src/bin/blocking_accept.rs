//! WRONG ON PURPOSE: select(2) said "readable", so a blocking accept(2) won't block. Or will it?
//!
//! As in `shared_accept` the workers stop themselves, and the master says who goes on. Ask yourself
//! what has changed between worker 1's two calls (where it sleeps is read in /proc: Linux only).

use std::net::{TcpListener, TcpStream};
use std::{fs, os::fd::AsFd, thread};

use anyhow::{Context, Result, ensure};
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::{Signal, kill, raise};
use nix::sys::wait::{WaitPidFlag, waitpid};
use nix::unistd::{ForkResult, Pid, alarm, fork, getpid, getppid};
use select::wait_readable;

// ANCHOR: worker
fn worker(number: usize, listener: &TcpListener) -> Result<()> {
    let name = format!("[worker {number}, pid {}]", getpid());
    wait_readable(&[listener.as_fd()], None).context("cannot wait")?;
    println!("{name} select says: readable");

    raise(Signal::SIGSTOP)?;
    listener.accept().context("cannot accept")?;
    println!("{name} accept: a connection");
    Ok(())
}
// ANCHOR_END: worker

/// Waits until the worker stops itself, or ends.
fn stopped(worker: Pid) -> Result<()> {
    waitpid(worker, Some(WaitPidFlag::WUNTRACED)).context("cannot wait for a worker")?;
    Ok(())
}

/// Waits until the process sleeps in the system call of this number.
fn sleeps_in(pid: Pid, call: i64) -> Result<()> {
    let path = format!("/proc/{pid}/syscall"); // "running", or the number and its arguments
    let call = format!("{call} ");
    while !fs::read_to_string(&path).context("cannot read /proc")?.starts_with(&call) {
        thread::yield_now();
    }
    Ok(())
}

fn main() -> Result<()> {
    let me = getpid();
    alarm::set(30); // a bound for all of it
    let listener = TcpListener::bind("127.0.0.1:0").context("cannot listen")?;
    let connect = || TcpStream::connect(listener.local_addr()?).context("cannot connect");
    println!("[master {me}] one connection, and two workers");
    let _client = connect()?;
    let mut workers = Vec::new();
    for number in 0..2 {
        // SAFETY: this program has one thread.
        let ForkResult::Parent { child } = unsafe { fork() }.context("cannot fork")? else {
            set_pdeathsig(Signal::SIGKILL)?; // if the master ends, so do we, stopped or not
            ensure!(getppid() == me, "the master has ended already");
            return worker(number, &listener);
        };
        stopped(child)?;
        workers.push(child);
    }
    // ANCHOR: race
    kill(workers[0], Signal::SIGCONT).context("cannot let worker 0 go on")?;
    stopped(workers[0])?; // for good: it has ended
    kill(workers[1], Signal::SIGCONT).context("cannot let worker 1 go on")?;
    sleeps_in(workers[1], libc::SYS_accept4)?;
    println!("[master {me}] worker 1 sleeps in accept, and nothing else can reach it");

    let _next = connect()?;
    stopped(workers[1])?;
    // ANCHOR_END: race
    Ok(())
}
