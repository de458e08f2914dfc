//! An alarm that rings again and again: who was not asleep yet when it rang is woken by the next one.

use nix::errno::Errno;
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, kill, sigaction};
use nix::sys::wait::{WaitStatus, waitpid};
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
    for (time, signal) in [(limit, Signal::SIGTERM), (grace, Signal::SIGKILL)] {
        if let Some(status) = ended_within(child, time)? {
            return Ok(status);
        }
        // It has not been reaped: the pid is its own, be it alive or not.
        kill(child, signal)?;
    }
    // It rings on.
    loop {
        match waitpid(child, None) {
            Err(Errno::EINTR) => {}
            end => return end,
        }
    }
}

/// Its end, if it comes within that time. It is reaped then, and its pid is no longer its own.
fn ended_within(child: Pid, time: Duration) -> nix::Result<Option<WaitStatus>> {
    ring_after(time)?;
    match waitpid(child, None) {
        Ok(status) => Ok(Some(status)),
        Err(Errno::EINTR) => Ok(None),
        Err(error) => Err(error),
    }
}

/// How soon it rings again: who was not asleep when it rang first, is the next time.
const AGAIN: Duration = Duration::from_millis(10);

/// Has SIGALRM come after that time, and then again and again, and its handler do nothing: that it has run ends a sleep.
fn ring_after(time: Duration) -> nix::Result<()> {
    let action = SigAction::new(SigHandler::Handler(on_alarm), SaFlags::empty(), SigSet::empty());
    // SAFETY: the handler does nothing.
    unsafe { sigaction(Signal::SIGALRM, &action) }?;
    let part = |time: Duration| nix::libc::timeval {
        tv_sec: time.as_secs() as _,
        tv_usec: time.subsec_micros() as _,
    };
    let timer = nix::libc::itimerval { it_value: part(time), it_interval: part(AGAIN) };
    // SAFETY: the value is there, and nobody wants to know what was set before.
    let set = unsafe {
        nix::libc::setitimer(nix::libc::ITIMER_REAL, &raw const timer, std::ptr::null_mut())
    };
    Errno::result(set).map(drop)
}

extern "C" fn on_alarm(_: nix::libc::c_int) {}

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
