//! Tells on standard error what each look has seen, be that an end, a stop or nothing yet.

use nix::sys::signal::{SigSet, Signal, kill};
use nix::sys::time::TimeSpec;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid, fork};
use std::io::Read as _;
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
    let news = SigSet::from(Signal::SIGCHLD);
    news.thread_block()?;
    for (time, then) in [(limit, Signal::SIGTERM), (grace, Signal::SIGKILL)] {
        let end = Instant::now() + time;
        loop {
            let every = WaitPidFlag::WNOHANG | WaitPidFlag::WUNTRACED | WaitPidFlag::WCONTINUED;
            let seen = waitpid(child, Some(every));
            eprintln!("waitpid says {seen:?}");
            match seen? {
                WaitStatus::StillAlive => {}
                WaitStatus::Stopped(..) | WaitStatus::Continued(_) => continue,
                ended => return Ok(ended),
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            let left = TimeSpec::from(left);
            // SAFETY: both live through the call; nobody asks for the details.
            unsafe { nix::libc::sigtimedwait(news.as_ref(), std::ptr::null_mut(), left.as_ref()) };
        }
        kill(child, then)?;
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
