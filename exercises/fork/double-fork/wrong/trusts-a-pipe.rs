//! The program takes the end of a pipe for the end of the one in the middle.
//! Told: "takes the end of a pipe for the end of its children"

use nix::errno::Errno;
use nix::libc::_exit;
use nix::sys::wait::{WaitPidFlag, waitpid};
use nix::unistd::{ForkResult, fork, setsid};
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

fn daemonize(gate: &Path) -> nix::Result<()> {
    let (mut end, held) = io::pipe().map_err(|_| Errno::EMFILE)?;
    // SAFETY: this program has one thread.
    match unsafe { fork() }? {
        ForkResult::Parent { child } => {
            drop(held);
            end.read_to_end(&mut Vec::new()).map_err(|_| Errno::EIO)?;
            waitpid(child, Some(WaitPidFlag::WNOHANG)).map(drop)
        }
        ForkResult::Child => {
            let _ = setsid();
            // SAFETY: this program has one thread.
            match unsafe { fork() } {
                Ok(ForkResult::Child) => {
                    drop(held);
                    serve(gate)
                }
                // SAFETY: `_exit` ends this process at once; it has written nothing.
                _ => unsafe { _exit(0) },
            }
        }
    }
}

/// The daemon's part: stands at the gate, and ends when somebody has opened it.
fn serve(gate: &Path) -> ! {
    let code = i32::from(pass(gate).is_err());
    // SAFETY: `_exit` ends this process at once; it has written nothing.
    unsafe { nix::libc::_exit(code) }
}

/// Waits at a gate: blocks until somebody opens it for writing, and then until the last writer is gone.
fn pass(gate: &Path) -> io::Result<()> {
    std::fs::File::open(gate)?.read_to_end(&mut Vec::new()).map(drop)
}
