//! Five workers sleep, one connection comes: how many wake up? Four ways to wait for it.
//!
//! Whoever wakes up stops itself at once, so that nobody takes the connection before the others
//! have had a look (/proc and epoll: Linux only).

use std::{env, fs, os::fd::AsFd, thread};

use anyhow::{Context, Result, ensure};
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::{Signal, kill, raise};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid, alarm, fork, getpid, getppid};
use select::{Address, Listener, Options, wait_readable};

// ANCHOR: worker
fn worker(way: &str, listener: &Listener) -> Result<()> {
    if way == "accept" {
        fcntl(listener, FcntlArg::F_SETFL(OFlag::empty()))?; // no O_NONBLOCK, so that it sleeps
        listener.accept()?;
    } else if way == "select" {
        wait_readable(&[listener.as_fd()], None)?;
    } else {
        let mut events = EpollFlags::EPOLLIN;
        events.set(EpollFlags::EPOLLEXCLUSIVE, way == "EPOLLEXCLUSIVE");
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        epoll.add(listener, EpollEvent::new(events, 0))?;
        epoll.wait(&mut [EpollEvent::empty()], EpollTimeout::NONE)?;
    }
    raise(Signal::SIGSTOP)?;
    Ok(())
}
// ANCHOR_END: worker

/// 0 if the worker sleeps, 1 if it has been woken and has stopped itself; waits for one or other.
fn woken(worker: Pid) -> Result<usize> {
    loop {
        let flags = WaitPidFlag::WUNTRACED | WaitPidFlag::WNOHANG;
        let stopped = waitpid(worker, Some(flags))? != WaitStatus::StillAlive;
        let stat = fs::read_to_string(format!("/proc/{worker}/stat")).context("cannot look")?;
        if stopped || stat.contains(") S ") {
            return Ok(stopped.into());
        }
        thread::yield_now(); // it runs: look again
    }
}

fn main() -> Result<()> {
    let me = getpid();
    alarm::set(60); // a bound for all of it
    let path = env::temp_dir().join(format!("herd_meter.{me}"));
    for way in ["accept", "select", "epoll", "EPOLLEXCLUSIVE"] {
        let listener = Listener::bind(&Address::Unix(path.clone()), Options::default())?;
        let mut workers = Vec::new();
        for _ in 0..5 {
            // SAFETY: this program has one thread.
            let ForkResult::Parent { child } = unsafe { fork() }.context("cannot fork")? else {
                set_pdeathsig(Signal::SIGKILL)?; // if the master ends, so do we, stopped or not
                ensure!(getppid() == me, "the master has ended already");
                return worker(way, &listener);
            };
            workers.push(child);
        }
        // ANCHOR: count
        let count = || workers.iter().map(|&pid| woken(pid)).sum::<Result<usize>>();
        let before = count()?; // they are all asleep: 0
        // Over a Unix socket, connect(2) returns once all who are to wake up have been woken.
        let _client = listener.address().connect().context("cannot connect")?;
        let woke = count()? - before;
        println!("[master {me}] {way}: one connection woke {woke} of 5");
        // ANCHOR_END: count
        fs::remove_file(&path).context("cannot remove the socket's file")?;
        for pid in workers {
            kill(pid, Signal::SIGKILL).context("cannot end a worker")?;
            waitpid(pid, None).context("cannot wait for a worker")?;
        }
    }
    Ok(())
}
