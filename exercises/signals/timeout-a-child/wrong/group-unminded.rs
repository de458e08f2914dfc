//! Signals a group that nobody has made, and does not look at what kill returns.
//! Told: "kill(2) has failed with ESRCH"

use nix::errno::Errno;
use nix::sys::signal::{SigSet, Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid, fork};
use std::io::Read as _;
use std::process::{ExitCode, exit};
use std::time::Duration;
use std::time::Instant;

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
    SigSet::from(Signal::SIGCHLD).thread_block()?;
    for (time, signal) in [(limit, Signal::SIGTERM), (grace, Signal::SIGKILL)] {
        if let Some(status) = ended_within(child, time)? {
            return Ok(status);
        }
        let _ = kill(Pid::from_raw(-child.as_raw()), signal);
    }
    waitpid(child, None)
}

/// Its end, if it comes within that time. It is reaped then, and its pid is no longer its own.
fn ended_within(child: Pid, time: Duration) -> nix::Result<Option<WaitStatus>> {
    let until = Instant::now() + time;
    loop {
        // SIGCHLD is blocked: an end after this look leaves it pending, and the sleep returns at once.
        match waitpid(child, Some(WaitPidFlag::WNOHANG))? {
            WaitStatus::StillAlive => {}
            status => return Ok(Some(status)),
        }
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(None);
        }
        sleep_for_a_child(left)?;
    }
}

/// Sleeps until SIGCHLD comes, or has come; not longer than that.
fn sleep_for_a_child(at_most: Duration) -> nix::Result<()> {
    let child = SigSet::from(Signal::SIGCHLD);
    let time = nix::sys::time::TimeSpec::from(at_most);
    // SAFETY: the set and the time are there; a null pointer says that nobody wants to know more.
    let taken =
        unsafe { nix::libc::sigtimedwait(child.as_ref(), std::ptr::null_mut(), time.as_ref()) };
    match Errno::result(taken) {
        // EAGAIN: the time is up.
        Ok(_) | Err(Errno::EAGAIN | Errno::EINTR) => Ok(()),
        Err(error) => Err(error),
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
