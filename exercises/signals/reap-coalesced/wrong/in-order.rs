//! Asks the children in the order in which they were made, up to the first that lives.
//! Told: "has not been reaped, and the program sleeps again"

use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, SigmaskHow, Signal, sigaction};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid, fork};
use std::io::{self, Read as _};
use std::process::ExitCode;
use std::sync::Mutex;

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
            ForkResult::Parent { child } => {
                CHILDREN.lock().expect("nobody panics").push(child);
                println!("child {number} is pid {child}");
            }
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

static CHILDREN: Mutex<Vec<Pid>> = Mutex::new(Vec::new());

fn reap() -> nix::Result<Vec<(Pid, i32)>> {
    let mut ended = Vec::new();

    let mut children = CHILDREN.lock().expect("nobody panics");
    while let Some(first) = children.first() {
        match waitpid(*first, Some(WaitPidFlag::WNOHANG))? {
            WaitStatus::Exited(pid, code) => ended.push((pid, code)),
            _ => break,
        }
        children.remove(0);
    }

    Ok(ended)
}

/// Waits at a gate until somebody opens it.
fn pass(gate: &str) -> io::Result<()> {
    std::fs::File::open(gate)?.read_to_end(&mut Vec::new()).map(drop)
}
