//! Tells on standard output what each waitpid has found, in words of its own.

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
    let mut ended = Vec::new();
    loop {
        match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::Exited(pid, code)) => {
                println!("pid {pid} exited with code {code}");
                ended.push((pid, code));
            }
            Ok(WaitStatus::Signaled(pid, signal, _)) => {
                println!("pid {pid} was killed by {signal}");
                ended.push((pid, 128 + signal as i32));
            }
            Ok(WaitStatus::StillAlive) => {
                println!("pid 0 means that the others live");
                return Ok(ended);
            }
            Err(Errno::ECHILD) => return Ok(ended),
            Ok(_) | Err(Errno::EINTR) => {}
            Err(error) => return Err(error),
        }
    }
}

/// Waits at a gate until somebody opens it.
fn pass(gate: &str) -> io::Result<()> {
    std::fs::File::open(gate)?.read_to_end(&mut Vec::new()).map(drop)
}
