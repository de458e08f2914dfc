//! WRONG ON PURPOSE: a handler says something by `println!`, and lands in the middle of another one.
//!
//! Ask yourself what `println!` needs besides write(2). The worker's output is a pipe that nobody
//! reads, so that it stands still inside of `println!` (seen in /proc: Linux only) until the
//! signal comes; after 20 seconds an alarm would end it.

use std::io::{self, pipe};
use std::{fs, panic, thread};

use anyhow::{Context, Result, bail};
use nix::fcntl::{FcntlArg, fcntl};
use nix::sys::prctl;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, alarm, dup2_stderr, dup2_stdout, fork, getpid};
use signals::{Disposition, set_disposition};

// ANCHOR: handler
extern "C" fn on_signal(_: libc::c_int) {
    println!("a signal came");
}
// ANCHOR_END: handler

fn work() -> Result<()> {
    // SAFETY: not true, and that is the mistake: `println!` locks, borrows, and may panic.
    unsafe { set_disposition(Signal::SIGUSR1, Disposition::Handler(on_signal)) }?;
    loop {
        println!("some work was done");
    }
}

fn main() -> Result<()> {
    let me = getpid();
    let (stdout, worker_stdout) = pipe().context("cannot make a pipe")?;
    let (stderr, worker_stderr) = pipe().context("cannot make a pipe")?;
    fcntl(&stdout, FcntlArg::F_SETPIPE_SZ(1)).context("cannot shrink the pipe")?; // full the sooner
    // SAFETY: this program has one thread.
    let ForkResult::Parent { child } = unsafe { fork() }.context("cannot fork")? else {
        alarm::set(20);
        prctl::set_dumpable(false)?; // no core file from us
        dup2_stdout(worker_stdout)?;
        dup2_stderr(worker_stderr)?;
        panic::set_hook(Box::new(|why| eprintln!("{why}"))); // one line, and no backtrace
        return work();
    };
    drop((worker_stdout, worker_stderr));

    // ANCHOR: watch
    let stat = format!("/proc/{child}/stat");
    while !fs::read_to_string(&stat).context("cannot read stat")?.contains(") S ") {
        thread::yield_now();
    }
    println!("[parent {me}] the worker, pid {child}, stands still in `println!`: SIGUSR1 to it");
    kill(child, Signal::SIGUSR1).context("cannot send SIGUSR1")?;
    let said = io::read_to_string(stderr).context("cannot read what it says")?;
    let WaitStatus::Signaled(_, signal, _) = waitpid(child, None).context("cannot wait")? else {
        bail!("the worker went on");
    };
    let borrowed = said.contains("already borrowed");
    println!("[parent {me}] {signal} ended it; a panic about \"already borrowed\": {borrowed}");
    // ANCHOR_END: watch
    drop(stdout); // kept so far, else the worker would have had EPIPE
    Ok(())
}
