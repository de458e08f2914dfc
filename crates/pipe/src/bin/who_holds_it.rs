//! WRONG ON PURPOSE: the parent keeps the write end, so its `read` waits for ever.
//!
//! Ask yourself which process the reader is waiting for. An alarm ends the wait after a second,
//! and then /proc tells (Linux only). See `pipe_hello` for the line that is missing.

use std::fs;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use anyhow::{Context, Result};
use nix::errno::Errno;
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};
use nix::sys::wait::waitpid;
use nix::unistd::{ForkResult, alarm, fork, getpid, read};
use pipe::pipe;

/// Runs in the middle of anything. So: one call, which leaves errno alone. It rings again, in case
/// this time came before the read.
extern "C" fn ring(_: libc::c_int) {
    alarm::set(1);
}

// ANCHOR: holders
/// Who can write into the pipe that `end` belongs to: pids, and their descriptors for it.
fn writers(end: BorrowedFd) -> Result<Vec<(i32, i32)>> {
    let this_pipe = fs::read_link(format!("/proc/self/fd/{}", end.as_raw_fd()))
        .context("cannot read /proc/self/fd")?; // "pipe:[12345]": the kernel's number for it
    let numbers = |dir: String| {
        let entries = fs::read_dir(dir).into_iter().flatten().flatten();
        entries.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok())
    };
    let can_write = |pid: i32, fd: i32| {
        let info = fs::read_to_string(format!("/proc/{pid}/fdinfo/{fd}")).unwrap_or_default();
        let flags = info.lines().find_map(|line| line.strip_prefix("flags:"));
        flags.is_some_and(|octal| octal.ends_with(['1', '2'])) // O_WRONLY, O_RDWR
    };
    let pids = numbers("/proc".to_string());
    let all = pids.flat_map(|pid| numbers(format!("/proc/{pid}/fd")).map(move |fd| (pid, fd)));
    let of_this_pipe = all.filter(|(pid, fd)| {
        fs::read_link(format!("/proc/{pid}/fd/{fd}")).is_ok_and(|pipe| pipe == this_pipe)
    });
    Ok(of_this_pipe.filter(|&(pid, fd)| can_write(pid, fd)).collect())
}
// ANCHOR_END: holders

fn main() -> Result<()> {
    let me = getpid();
    // No SA_RESTART: the alarm interrupts the read (chapter 4).
    let action = SigAction::new(SigHandler::Handler(ring), SaFlags::empty(), SigSet::empty());
    // SAFETY: `ring` does only what a handler may.
    unsafe { sigaction(Signal::SIGALRM, &action) }.context("cannot handle SIGALRM")?;

    // ANCHOR: kept
    let (read_end, write_end) = pipe().context("cannot make a pipe")?;
    // SAFETY: this program has one thread.
    let ForkResult::Parent { child } = unsafe { fork() }.context("cannot fork")? else {
        return syscalls::write_all(&write_end, b"hello").context("cannot write");
    };
    waitpid(child, None).context("cannot wait for the child")?;
    println!("[parent {me}] pid {child} wrote and is gone: there is no other process");

    let mut buffer = [0; 100];
    let count = read(&read_end, &mut buffer).context("cannot read")?;
    println!("[parent {me}] read: {count} bytes");
    alarm::set(1);
    let waited = read(&read_end, &mut buffer); // the end, isn't it?
    alarm::cancel();
    if waited == Err(Errno::EINTR) {
        println!("[parent {me}] read again: still waiting when the alarm rang");
    }
    for (pid, fd) in writers(read_end.as_fd())? {
        println!("[parent {me}] the write end is held by pid {pid}, as its fd {fd}");
    }
    drop(write_end);
    let count = read(&read_end, &mut buffer).context("cannot read")?;
    println!("[parent {me}] closed it, and read again: {count} bytes, which is the end");
    // ANCHOR_END: kept
    Ok(())
}
