//! A thread makes the child, and the first one waits for it.

use nix::errno::Errno;
use nix::sys::wait::{Id, WaitPidFlag, waitid, waitpid};
use nix::unistd::{ForkResult, Pid, fork};
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

fn make(gate: &Path) -> io::Result<Pid> {
    let gate = gate.to_owned();
    // SAFETY: the other thread sleeps in `join`, and has no lock.
    let forks = move || match unsafe { fork() } {
        Ok(ForkResult::Child) => end_at(&gate),
        Ok(ForkResult::Parent { child }) => Ok(child),
        Err(error) => Err(error),
    };
    let child = std::thread::spawn(forks).join().map_err(|_| io::ErrorKind::Other)??;
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

/// The child's part: stands at the gate, and ends when somebody has opened it.
fn end_at(gate: &Path) -> ! {
    let code = i32::from(pass(gate).is_err());
    // SAFETY: `_exit` ends this process at once; it has written nothing.
    unsafe { nix::libc::_exit(code) }
}

/// Waits at a gate: blocks until somebody opens it for writing, and then until the last writer is gone.
fn pass(gate: &Path) -> io::Result<()> {
    std::fs::File::open(gate)?.read_to_end(&mut Vec::new()).map(drop)
}
