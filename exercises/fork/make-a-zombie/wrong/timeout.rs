//! Every two seconds, it looks whether the child has ended.
//! Told: "P1 gets up by the clock"

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

fn make(gate: &Path) -> io::Result<Pid> {
    use nix::{
        libc,
        unistd::{ForkResult, fork},
    };
    // SAFETY: this program has one thread.
    let ForkResult::Parent { child } = unsafe { fork() }? else { end_at(gate) };
    // SAFETY: it takes numbers only.
    let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, child.as_raw(), 0) } as i32;
    loop {
        let mut p = libc::pollfd { fd, events: libc::POLLIN, revents: 0 };
        // SAFETY: the kernel is told how many entries there are.
        if unsafe { libc::poll(&mut p, 1, 2000) } != 0 {
            return Ok(child);
        }
    }
}
fn clear(zombie: Pid) -> io::Result<()> {
    nix::sys::wait::waitpid(zombie, None)?;
    Ok(())
}
