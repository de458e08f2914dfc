//! A parent that ignores SIGCHLD gets no zombies, and no answers: the kernel reaps for it.
//!
//! Two children exit with 7. For the first, SIGCHLD has its default, which does nothing either; but
//! the two nothings differ. Look at the states (read in /proc: Linux only) and waitpid's answers.

use std::fs;

use anyhow::{Context, Result};
use nix::sys::signal::Signal;
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid, waitpid};
use nix::unistd::{ForkResult, Pid, fork, getpid};
use signals::{Disposition, set_disposition};

fn spawn() -> Result<Pid> {
    // SAFETY: this program has one thread.
    match unsafe { fork() }.context("cannot fork")? {
        // SAFETY: takes no pointer, and does not return.
        ForkResult::Child => unsafe { libc::_exit(7) },
        ForkResult::Parent { child } => Ok(child),
    }
}

/// Z is a zombie; X is one that is being removed just now (proc_pid_stat(5)).
fn state(pid: Pid) -> &'static str {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    match stat.rsplit(") ").next().and_then(|rest| rest.chars().next()) {
        None | Some('X') => "gone",
        Some('Z') => "Z",
        Some(_) => "alive",
    }
}

fn main() -> Result<()> {
    let me = getpid();
    // ANCHOR: reap
    for disposition in [Disposition::Default, Disposition::Ignore] {
        // SAFETY: neither runs code of ours.
        unsafe { set_disposition(Signal::SIGCHLD, disposition) }.context("cannot set SIGCHLD")?;
        let child = spawn()?;
        // Sleeps until the child has ended, and leaves it as it is. If the kernel reaps, this
        // sleeps until no child is left, and then fails: there is nobody to wait for.
        let _ = waitid(Id::Pid(child), WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT);
        println!(
            "[parent {me}] SIGCHLD: {disposition:?}; pid {child} has ended; its state: {}",
            state(child)
        );
        match waitpid(child, None) {
            Ok(WaitStatus::Exited(_, code)) => println!("[parent {me}] waitpid: exit code {code}"),
            Ok(other) => println!("[parent {me}] waitpid: {other:?}"),
            Err(errno) => println!("[parent {me}] waitpid: {errno}"),
        }
    }
    // ANCHOR_END: reap
    Ok(())
}
