//! A clock that is a descriptor, and a child that is one: poll sleeps for both.

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal, kill};
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid, fork};
use std::io::Read as _;
use std::os::fd::{AsFd as _, FromRawFd as _, OwnedFd};
use std::process::{ExitCode, exit};
use std::time::Duration;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let time = |at: usize| args.get(at)?.parse().ok().map(Duration::from_millis);
    let (Some(limit), Some(grace), Some(kind)) = (time(0), time(1), args.get(2)) else {
        eprintln!("timeout-a-child: expected two times in milliseconds, and a kind of child");
        return ExitCode::from(2);
    };
    match run(limit, grace, || live(kind, args.get(3))) {
        Ok(WaitStatus::Exited(_, code)) => ExitCode::from(code as u8),
        Ok(WaitStatus::Signaled(_, signal, _)) => ExitCode::from(128 + signal as u8),
        other => {
            eprintln!("timeout-a-child: {other:?}");
            ExitCode::from(2)
        }
    }
}

fn run(limit: Duration, grace: Duration, live: impl FnOnce()) -> nix::Result<WaitStatus> {
    // Until the child knows what to do about it, SIGTERM waits outside.
    let term = SigSet::from(Signal::SIGTERM);
    term.thread_block()?;
    // SAFETY: this program has one thread.
    let child = match unsafe { fork() }? {
        ForkResult::Child => {
            live();
            exit(5)
        }
        ForkResult::Parent { child } => child,
    };
    term.thread_unblock()?;
    watch(child, limit, grace)
}

/// Waits until the child has ended, and returns its end, soon after it. If it lives when `limit` has passed, it is asked to end, by SIGTERM;
/// if it lives when `grace` has passed after that, it is made to, by SIGKILL.
fn watch(child: Pid, limit: Duration, grace: Duration) -> nix::Result<WaitStatus> {
    for (time, signal) in [(limit, Signal::SIGTERM), (grace, Signal::SIGKILL)] {
        if let Some(status) = ended_within(child, time)? {
            return Ok(status);
        }
        // It has not been reaped: the pid is its own, be it alive or not.
        kill(child, signal)?;
    }
    waitpid(child, None)
}

fn ended_within(child: Pid, time: Duration) -> nix::Result<Option<WaitStatus>> {
    // SAFETY: it takes two numbers. The child has not been reaped, so the pid is its own.
    let pidfd = unsafe { nix::libc::syscall(nix::libc::SYS_pidfd_open, child.as_raw(), 0) };
    // SAFETY: it is new, and nobody else knows of it.
    let pidfd = unsafe { OwnedFd::from_raw_fd(Errno::result(pidfd)? as i32) };
    let clock = TimerFd::new(ClockId::CLOCK_MONOTONIC, TimerFlags::TFD_CLOEXEC)?;
    // A time of 0 would never come.
    let time = time.max(Duration::from_nanos(1));
    clock.set(Expiration::OneShot(time.into()), TimerSetTimeFlags::empty())?;
    let mut wanted = [pidfd.as_fd(), clock.as_fd()].map(|fd| PollFd::new(fd, PollFlags::POLLIN));
    while let Err(error) = poll(&mut wanted, PollTimeout::NONE) {
        if error != Errno::EINTR {
            return Err(error);
        }
    }
    if wanted[0].any() == Some(true) {
        return waitpid(child, None).map(Some);
    }
    Ok(None)
}

/// A child's life: `quick` ends at once, `plain` stays until a signal ends it, `stubborn` does not let SIGTERM, and `tidy` does some work
/// when SIGTERM comes: it waits at a gate.
fn live(kind: &str, gate: Option<&String>) {
    let term = SigSet::from(Signal::SIGTERM);
    match kind {
        "quick" => return,
        "tidy" => {
            let _ = term.wait();
            println!("tidying up");
            let gate = gate.and_then(|gate| std::fs::File::open(gate).ok());
            let _ = gate.map(|mut gate| gate.read_to_end(&mut Vec::new()));
            exit(7)
        }
        // It stays blocked.
        "stubborn" => {}
        _ => {
            let _ = term.thread_unblock();
        }
    }
    loop {
        nix::unistd::pause();
    }
}
