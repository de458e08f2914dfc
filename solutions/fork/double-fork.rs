//! double-fork FRONT BACK: makes a daemon, a process that is nobody's child and in no terminal's session.
//!
//! The tempting mistake is to forget the one in the middle. It lives for an instant, but the program is its parent, and a
//! program that lives on keeps its zombie for as long. So: fork, and wait for the child; the wait is short.
//!
//! The second one is the place of `setsid`. Before the first fork it fails with EPERM in any program that leads its process
//! group, as one that a shell has started does. After the second fork it works, but makes the daemon the leader of its session, who
//! can be given a terminal by opening one. In the middle it is right: the session is new, and its leader is about to end.
//!
//! A real daemon also changes to `/`, sets its umask and lets go of descriptors 0 to 2; and one that systemd starts
//! does none of all this, since it is started as a daemon already.

use nix::errno::Errno;
use nix::sys::wait::waitpid;
use nix::unistd::setsid;
use nix::unistd::{ForkResult, fork};
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
    // SAFETY: this program has one thread.
    let middle = match unsafe { fork() }? {
        ForkResult::Parent { child } => child,
        ForkResult::Child => {
            let code = match make_daemon(gate) {
                Ok(()) => 0,
                Err(error) => {
                    eprintln!("double-fork: {error}");
                    1
                }
            };
            // SAFETY: `_exit` ends this process at once, and leaves the program's buffers to the program.
            unsafe { nix::libc::_exit(code) }
        }
    };
    loop {
        match waitpid(middle, None) {
            Ok(_) => return Ok(()),
            Err(Errno::EINTR) => {}
            Err(error) => return Err(error),
        }
    }
}

/// The middle's part: leads a new session for the time that it takes to fork.
fn make_daemon(gate: &Path) -> nix::Result<()> {
    setsid()?;
    // SAFETY: still one thread.
    match unsafe { fork() }? {
        ForkResult::Parent { .. } => Ok(()),
        ForkResult::Child => serve(gate),
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
