//! The child ends at once, since a dead one is all that is asked for.
//! Told: "Which process calls `end_at`, and how many others are there?"

use nix::sys::wait::{Id, WaitPidFlag, waitid, waitpid};
use nix::unistd::Pid;
use nix::unistd::{ForkResult, fork};
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

fn make(_: &Path) -> io::Result<Pid> {
    // SAFETY: this program has one thread.
    match unsafe { fork() }? {
        ForkResult::Child => std::process::exit(0),
        ForkResult::Parent { child } => {
            waitid(Id::Pid(child), WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT)?;
            Ok(child)
        }
    }
}

fn clear(zombie: Pid) -> io::Result<()> {
    waitpid(zombie, None)?;
    Ok(())
}

/// The child's part: stands at the gate, and ends when somebody has opened it.
#[allow(dead_code, reason = "until `make` calls it")]
fn end_at(gate: &Path) -> ! {
    let code = i32::from(pass(gate).is_err());
    // SAFETY: `_exit` ends this process at once; it has written nothing.
    unsafe { nix::libc::_exit(code) }
}

/// Waits at a gate: blocks until somebody opens it for writing, and then until the last writer is gone.
fn pass(gate: &Path) -> io::Result<()> {
    std::fs::File::open(gate)?.read_to_end(&mut Vec::new()).map(drop)
}
