//! The child stands at its gate, and then comes back from `make` instead of ending.
//! Told: "speaks of itself as a zombie"

use nix::errno::Errno;
use nix::sys::wait::{Id, WaitPidFlag, waitid, waitpid};
use nix::unistd::{ForkResult, Pid, fork, getpid};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

fn main() -> ExitCode {
    let gates: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let [end, before, after] = gates.as_slice() else {
        eprintln!("make-a-zombie: expected the paths of three named pipes");
        return ExitCode::from(2);
    };
    match make_and_clear(end, before, after) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("make-a-zombie: {error}");
            ExitCode::from(2)
        }
    }
}

fn make_and_clear(end: &Path, before: &Path, after: &Path) -> io::Result<()> {
    let pid = make(end)?;
    println!("pid {pid} is a zombie");
    pass(before)?;
    clear(pid)?;
    println!("pid {pid} is gone");
    pass(after)
}

/// Makes a child, which ends by `end_at(gate)`. Returns its pid as soon as it is a zombie, which it then stays.
///
/// Returns in the parent only.
fn make(gate: &Path) -> io::Result<Pid> {
    // SAFETY: this program has one thread.
    let child = match unsafe { fork() }? {
        ForkResult::Child => {
            pass(gate)?;
            return Ok(getpid());
        }
        ForkResult::Parent { child } => child,
    };
    // WNOWAIT: learn of the end, and leave the child in the state in which it is.
    while let Err(error) = waitid(Id::Pid(child), WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT) {
        if error != Errno::EINTR {
            return Err(error.into());
        }
    }
    Ok(child)
}

/// Clears the zombie: when this returns, there is no process of that pid.
fn clear(zombie: Pid) -> io::Result<()> {
    loop {
        match waitpid(zombie, None) {
            Ok(_) => return Ok(()),
            Err(Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// Waits at a gate: blocks until somebody opens it for writing, and then until the last writer is gone.
fn pass(gate: &Path) -> io::Result<()> {
    std::fs::File::open(gate)?.read_to_end(&mut Vec::new()).map(drop)
}
