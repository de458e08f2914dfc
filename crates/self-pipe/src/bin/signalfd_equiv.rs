//! The same bad luck, twice, with signalfd(2): the kernel keeps the pipe, and still counts to one.
//!
//! Two children die before the sleep, which may take ten seconds and takes none. Linux only.

use std::io::{self, Read};
use std::os::fd::AsFd;
use std::process;

use anyhow::{Context, Result};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid, waitpid};
use nix::unistd::{ForkResult, Pid, fork, getpid};

/// A child that lives until the writer is dropped.
fn child_on_a_leash() -> Result<(Pid, io::PipeWriter)> {
    let (mut gate, latch) = io::pipe().context("cannot make a pipe")?;
    // SAFETY: this program has one thread.
    match unsafe { fork() }.context("cannot fork")? {
        ForkResult::Parent { child } => Ok((child, latch)),
        ForkResult::Child => {
            drop(latch);
            let waited = gate.read(&mut [0]);
            process::exit(if waited.is_ok() { 7 } else { 1 })
        }
    }
}

/// Bad luck, on demand: the child dies now, and SIGCHLD has been sent when this returns.
fn let_it_die(child: Pid, latch: io::PipeWriter) -> Result<()> {
    drop(latch);
    let died = waitid(Id::Pid(child), WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT);
    died.map(drop).context("cannot wait")
}

fn main() -> Result<()> {
    let me = getpid();
    // ANCHOR: gap
    let chld = SigSet::from(Signal::SIGCHLD);
    let _blocked = signals::block(&chld).context("cannot block SIGCHLD")?; // else it is not kept
    let flags = SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK;
    let signals = SignalFd::with_flags(&chld, flags).context("cannot make a signalfd")?;

    for _ in 0..2 {
        let (child, latch) = child_on_a_leash()?;
        let_it_die(child, latch)?;
        println!("[parent {me}] (pid {child} dies here. SIGCHLD is pending)");
    }

    let mut fds = [PollFd::new(signals.as_fd(), PollFlags::POLLIN)];
    let ready = poll(&mut fds, PollTimeout::from(10_000u16)).context("cannot poll")?;
    println!("[parent {me}] I sleep. What poll answers: {ready} descriptor is ready");
    while let Some(info) = signals.read_signal().context("cannot read the signalfd")? {
        let signal = Signal::try_from(info.ssi_signo as libc::c_int).context("no such signal")?;
        println!("[parent {me}] I read: {signal}, from pid {}", info.ssi_pid);
    }
    while let Ok(WaitStatus::Exited(pid, code)) = waitpid(None, Some(WaitPidFlag::WNOHANG)) {
        println!("[parent {me}] I reap pid {pid}: exit code {code}");
    }
    // ANCHOR_END: gap
    Ok(())
}
