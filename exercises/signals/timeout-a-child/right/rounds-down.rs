//! A pidfd, and a poll whose milliseconds are rounded down: what is left of the limit is slept one by one.

use nix::errno::Errno;
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::wait::{WaitStatus, waitpid};

use nix::unistd::{ForkResult, Pid, fork};
use std::io::Read as _;
use std::os::fd::{AsFd as _, AsRawFd as _, FromRawFd as _, OwnedFd, RawFd};
use std::process::{ExitCode, exit};
use std::time::{Duration, Instant};

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

fn watch(child: Pid, limit: Duration, grace: Duration) -> nix::Result<WaitStatus> {
    // SAFETY: it takes two numbers.
    let fd = Errno::result(unsafe { libc::syscall(libc::SYS_pidfd_open, child.as_raw(), 0) })?;
    // SAFETY: the kernel has just made it for us.
    let end = unsafe { OwnedFd::from_raw_fd(fd as RawFd) };
    for (time, signal) in [(limit, libc::SIGTERM), (grace, libc::SIGKILL)] {
        if ends_within(&end, time)? {
            break;
        }
        let none: *const libc::siginfo_t = std::ptr::null();
        // SAFETY: a null pointer says that the signal carries nothing.
        let sent =
            unsafe { libc::syscall(libc::SYS_pidfd_send_signal, end.as_raw_fd(), signal, none, 0) };
        Errno::result(sent)?;
    }
    waitpid(child, None)
}

/// Whether it ends before that time is over.
fn ends_within(end: &OwnedFd, time: Duration) -> nix::Result<bool> {
    let until = Instant::now() + time;
    loop {
        let left = until.saturating_duration_since(Instant::now()).as_millis().max(1);
        let left = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
        match poll(&mut [PollFd::new(end.as_fd(), PollFlags::POLLIN)], left) {
            Ok(0) if Instant::now() < until => {}
            Ok(0) => return Ok(false),
            Ok(_) => return Ok(true),
            Err(Errno::EINTR) => {}
            Err(error) => return Err(error),
        }
    }
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
