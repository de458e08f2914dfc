//! Reaps all, and keeps the last one: there is one place for an end.
//! Told: "the number of ends that were reported is 1"

use nix::errno::Errno;
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, SigmaskHow, Signal, sigaction};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid, fork};
use std::io::{self, Read as _};
use std::process::ExitCode;

fn main() -> ExitCode {
    let paths: Vec<String> = std::env::args().skip(1).collect();
    let Some((busy, gates)) = paths.split_first() else {
        eprintln!("reap-coalesced: expected the paths of named pipes");
        return ExitCode::from(2);
    };
    match serve(busy, gates) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("reap-coalesced: {error}");
            ExitCode::from(2)
        }
    }
}

/// It need not do anything: that it has run ends the sleep.
extern "C" fn on_child(_: nix::libc::c_int) {}

/// Makes a child for each gate, is busy, and then reports each child's end, soon after it.
fn serve(busy: &str, gates: &[String]) -> io::Result<()> {
    let before = SigSet::from(Signal::SIGCHLD).thread_swap_mask(SigmaskHow::SIG_BLOCK)?;
    let action = SigAction::new(SigHandler::Handler(on_child), SaFlags::empty(), SigSet::empty());
    // SAFETY: the handler does nothing.
    unsafe { sigaction(Signal::SIGCHLD, &action) }?;
    for (number, gate) in (1..).zip(gates) {
        // SAFETY: this program has one thread.
        match unsafe { fork() }? {
            ForkResult::Child => std::process::exit(pass(gate).map_or(100, |()| number)),
            ForkResult::Parent { child } => println!("child {number} is pid {child}"),
        }
    }
    // Whatever happens to the children meanwhile, SIGCHLD waits outside.
    pass(busy)?;
    let mut left = gates.len();
    while left > 0 {
        // Lets it in and sleeps, both in one step, until the handler has run.
        before.suspend()?;
        for (pid, code) in reap()? {
            println!("pid {pid} ended with {code}");
            left = left.saturating_sub(1);
        }
    }
    Ok(())
}

/// Takes the ends of all children that have ended by now, however many that are, and never sleeps: pids and exit codes; 128 and the signal's
/// number for a child that a signal has killed.
///
/// Called each time when the handler of SIGCHLD has run.
fn reap() -> nix::Result<Vec<(Pid, i32)>> {
    let mut last = None;
    loop {
        match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::Exited(pid, code)) => last = Some((pid, code)),
            Ok(WaitStatus::Signaled(pid, signal, _)) => last = Some((pid, 128 + signal as i32)),
            // Those that are left live, or nobody is left.
            Ok(WaitStatus::StillAlive) | Err(Errno::ECHILD) => {
                return Ok(last.into_iter().collect());
            }
            // Stopped or continued: it lives.
            Ok(_) => {}
            Err(error) => return Err(error),
        }
    }
}

/// Waits at a gate until somebody opens it.
fn pass(gate: &str) -> io::Result<()> {
    std::fs::File::open(gate)?.read_to_end(&mut Vec::new()).map(drop)
}
