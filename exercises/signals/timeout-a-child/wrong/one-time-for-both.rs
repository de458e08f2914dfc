//! Gives the child its limit once more, in the place of the grace.
//! Told: "the child had 1300 ms"

use nix::sys::signal::{SigSet, Signal};
use nix::sys::wait::WaitStatus;
use nix::unistd::{ForkResult, Pid, fork};
use std::io::Read as _;
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
    let _ = grace;
    use nix::sys::signal::kill;
    use nix::sys::wait::{WaitPidFlag, waitpid};
    use std::time::Instant;
    let child_ends = SigSet::from(Signal::SIGCHLD);
    child_ends.thread_block()?;
    for (time, signal) in [(limit, Signal::SIGTERM), (limit, Signal::SIGKILL)] {
        let until = Instant::now() + time;
        loop {
            match waitpid(child, Some(WaitPidFlag::WNOHANG))? {
                WaitStatus::StillAlive => {}
                end => return Ok(end),
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            let left = nix::sys::time::TimeSpec::from_duration(left);
            // SAFETY: a set, nobody who wants to be told more, and a time.
            unsafe {
                nix::libc::sigtimedwait(child_ends.as_ref(), std::ptr::null_mut(), left.as_ref())
            };
        }
        kill(child, signal)?;
    }
    waitpid(child, None)
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
