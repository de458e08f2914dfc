//! By waitid, which is not told where to write whose end it was.

use nix::libc;
use nix::unistd::Pid;
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
    // SAFETY: this program has one thread.
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error()),
        0 => end_at(gate),
        child => wait_for(child, libc::WEXITED | libc::WNOWAIT).map(|()| Pid::from_raw(child)),
    }
}

fn wait_for(child: libc::pid_t, how: libc::c_int) -> io::Result<()> {
    // SAFETY: without a place to write to, it writes nothing.
    match unsafe { libc::waitid(libc::P_PID, child.unsigned_abs(), std::ptr::null_mut(), how) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

fn clear(zombie: Pid) -> io::Result<()> {
    wait_for(zombie.as_raw(), libc::WEXITED)
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
