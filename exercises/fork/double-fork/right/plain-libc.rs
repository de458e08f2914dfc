//! Plain libc, one level of matches, and any child is waited for.

use nix::errno::Errno;
use nix::libc;
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
    // SAFETY: this program has one thread.
    match unsafe { libc::fork() } {
        -1 => return Err(Errno::last()),
        0 => {}
        _ => {
            // SAFETY: a null pointer says that the status is not wanted.
            Errno::result(unsafe { libc::wait(std::ptr::null_mut()) })?;
            return Ok(());
        }
    }
    // SAFETY: takes nothing; then one thread still; then the end of this process.
    unsafe {
        libc::setsid();
        if libc::fork() != 0 {
            libc::_exit(0);
        }
    }
    serve(gate)
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
