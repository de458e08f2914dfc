//! WRONG ON PURPOSE: kill(2), with the pid of a child that was reaped, hits a stranger.
//!
//! Ask yourself who could have been given the number since. Here we arrange it: in a pid namespace
//! of one's own, clone3(2) lets one choose. Some systems forbid that; then it says so. Linux only.

use std::process;

use after::Process;
use anyhow::{Context, Result, bail};
use fork::{Exit, spawn, wait_for};
use nix::errno::Errno;
use nix::sched::{CloneFlags, unshare};
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, alarm, getpid, pause};

// ANCHOR: reborn
/// Forks a process with a pid of our choice, which stays until it is killed.
fn stranger_as(pid: Pid) -> Result<Process> {
    let wanted = [pid.as_raw()];
    // SAFETY: plain data, for which all zeros is a value.
    let mut args: libc::clone_args = unsafe { std::mem::zeroed() };
    args.exit_signal = libc::SIGCHLD as u64; // with no other flag, this is fork
    args.set_tid = wanted.as_ptr() as u64;
    args.set_tid_size = wanted.len() as u64;
    // SAFETY: `args` and `wanted` outlive the call; this program has one thread.
    let made = unsafe { libc::syscall(libc::SYS_clone3, &args, size_of_val(&args)) };
    if Errno::result(made).context("cannot choose a pid")? == 0 {
        alarm::set(10);
        pause();
        process::exit(1);
    }
    Process::of_child(pid).context("cannot hold the stranger")
}
// ANCHOR_END: reborn

fn main() -> Result<()> {
    alarm::set(20); // a bound for all of it
    // A new user namespace lets those who aren't root do it; root may be refused just that one.
    unshare(CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWPID)
        .or_else(|_| unshare(CloneFlags::CLONE_NEWPID))
        .context("cannot make a pid namespace here")?;
    // SAFETY: this program has one thread.
    let supervisor = unsafe {
        spawn(|| match supervise() {
            Ok(()) => 0,
            Err(error) => {
                eprintln!("Error: {error:#}");
                1
            }
        })
    };
    match wait_for(supervisor.context("cannot fork")?).context("cannot wait")? {
        Exit::Code(0) => Ok(()),
        exit => bail!("the supervisor failed: {exit}"),
    }
}

fn supervise() -> Result<()> {
    // As pid 1 of its namespace it hears no alarm and no Ctrl-C. With it, everybody in there ends.
    set_pdeathsig(Signal::SIGKILL)?;
    let me = getpid();
    // ANCHOR: late
    // SAFETY: this process has one thread.
    let child = unsafe { Process::spawn(|| 7) }.context("cannot fork")?;
    let (pid, exit) = (child.pid(), child.wait().context("cannot reap")?);
    println!("[supervisor {me}] I reaped my child, pid {pid}: {exit}");
    let stranger = stranger_as(pid)?;
    println!("[supervisor {me}] somebody else is pid {} now", stranger.pid());

    if let Err(error) = child.signal(Signal::SIGTERM) {
        println!("[supervisor {me}] SIGTERM by the old pidfd: {error}");
    }
    println!("[supervisor {me}] the stranger lives: {}", stranger.try_wait()?.is_none());
    kill(pid, Signal::SIGTERM).context("cannot signal pid")?;
    println!("[supervisor {me}] SIGTERM by the old pid: sent");
    println!("[supervisor {me}] the stranger: {}", stranger.wait().context("cannot reap")?);
    // ANCHOR_END: late
    Ok(())
}
