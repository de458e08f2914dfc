//! It asks again and again whether the middle has ended.
//! Told: "P1 spins"

use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

fn main() -> ExitCode {
    let gates: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let [front, back] = gates.as_slice() else {
        eprintln!("double-fork: expected the paths of two named pipes");
        return ExitCode::from(2);
    };
    match daemonize(back).map_err(Into::into).and_then(|()| pass(front)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("double-fork: {error}");
            ExitCode::from(2)
        }
    }
}

/// The daemon's part: stands at the gate, and ends when somebody has opened it.
#[allow(dead_code, reason = "until `daemonize` calls it")]
fn serve(gate: &Path) -> ! {
    let code = i32::from(pass(gate).is_err());
    // SAFETY: `_exit` ends this process at once; it has written nothing.
    unsafe { nix::libc::_exit(code) }
}

/// Waits at a gate: blocks until somebody opens it for writing, and then until the last writer is gone.
fn pass(gate: &Path) -> io::Result<()> {
    std::fs::File::open(gate)?.read_to_end(&mut Vec::new()).map(drop)
}

fn daemonize(gate: &Path) -> nix::Result<()> {
    use nix::{
        sys::wait::{WaitPidFlag, WaitStatus, waitpid},
        unistd::{ForkResult, fork, setsid},
    };
    // SAFETY: this program has one thread.
    if let ForkResult::Parent { .. } = unsafe { fork() }? {
        while waitpid(None, Some(WaitPidFlag::WNOHANG))? == WaitStatus::StillAlive {}
        return Ok(());
    }
    setsid()?;
    // SAFETY: this program has one thread.
    if let ForkResult::Child = unsafe { fork() }? {
        serve(gate)
    }
    // SAFETY: it ends this process.
    unsafe { nix::libc::_exit(0) }
}
