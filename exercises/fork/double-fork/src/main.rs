//! double-fork FRONT BACK: makes a daemon, a process that is nobody's child and in no terminal's session.

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

/// Makes a daemon, which calls `serve(gate)`: its parent has ended, and it is in a session of its own that it does not lead.
///
/// Returns in the program only, when the process in the middle has been reaped.
fn daemonize(gate: &Path) -> nix::Result<()> {
    todo!("fork twice; let a daemon serve at {gate:?}; reap the process in the middle")
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
