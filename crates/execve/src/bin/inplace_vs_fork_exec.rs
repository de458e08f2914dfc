//! Two ways to run a new master: in a child that execs, as Unicorn's USR2 does, or in place.
//!
//! A worker tells them apart: it is the child of one of them only. Ends by itself; the worker
//! leaves after ten seconds even if nobody tells it to.

use std::env;

use anyhow::{Context, Result, bail};
use execve::{Program, launch};
use fork::{spawn, wait_for};
use nix::sys::signal::{SigSet, Signal, kill};
use nix::sys::wait::{Id, WaitPidFlag, waitid};
use nix::unistd::{Pid, alarm, getpid};

/// Where a server would serve, this one waits to be told that it may go.
fn worker() -> u8 {
    alarm::set(10);
    u8::from(SigSet::from(Signal::SIGTERM).wait().is_err())
}

// ANCHOR: first
fn first_life() -> Result<()> {
    let me = getpid();
    // A TERM that comes before the worker waits for it stays pending until then (chapter 4).
    SigSet::from(Signal::SIGTERM).thread_block().context("cannot block SIGTERM")?;
    // SAFETY: this program has one thread.
    let worker = unsafe { spawn(worker) }.context("cannot make a worker")?;
    println!("[master {me}] the first program; my worker is pid {worker}");

    let program = Program::new(env::current_exe().context("cannot find my own file")?);
    let number = worker.to_string();

    println!("[master {me}] fork, and the child execs:");
    // SAFETY: still one thread: the worker is a process.
    let new = unsafe { launch(&program.clone().args(["by-fork", &number])) };
    let new = new.context("cannot run the second program")?;
    wait_for(new).context("cannot wait for the second program")?;

    println!("[master {me}] exec in place:");
    Err(program.args(["in-place", &number]).exec()).context("cannot become the second program")
}
// ANCHOR_END: first

// ANCHOR: second
fn second_life(how: &str, worker: Pid) -> Result<()> {
    let me = getpid();
    let look = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
    match waitid(Id::Pid(worker), look) {
        Ok(_) => println!("[{how} {me}] the second program; pid {worker} is my child"),
        Err(error) => {
            println!("[{how} {me}] the second program; I can't wait for pid {worker}: {error}");
            return Ok(());
        }
    }
    kill(worker, Signal::SIGTERM).context("cannot end the worker")?;
    let exit = wait_for(worker).context("cannot wait for the worker")?;
    println!("[{how} {me}] reaped pid {worker}, which the first program made: {exit}");
    Ok(())
}
// ANCHOR_END: second

fn main() -> Result<()> {
    let args: Vec<_> = env::args().skip(1).collect();
    match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => first_life(),
        [how @ ("by-fork" | "in-place"), worker] => {
            let worker = worker.parse().context("the worker must be a pid")?;
            second_life(how, Pid::from_raw(worker))
        }
        _ => bail!("it takes no arguments, but from itself"),
    }
}
