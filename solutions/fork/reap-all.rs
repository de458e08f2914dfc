//! reap-all GATE…: one child waits at each GATE, and the parent tells of each child as it ends.
//!
//! The tempting mistake is to go through `children` and wait for each of them: it reads well, and it works
//! whenever the first child happens to end first. But the parent is then deaf to all the others: they end, become
//! zombies, and stay that until their turn comes. Nobody can know the order beforehand, so don't ask for one: the pid
//! -1, or plain `wait`, means "whoever is next", and the kernel's answer says who it was.
//!
//! The end of the work is the kernel's to tell, too: ECHILD means that there is no child left. A loop that asks with
//! WNOHANG finds the same answers, and burns a processor between them; a sleep in it only makes it late as well.

use nix::errno::Errno;
use nix::sys::wait::{WaitStatus, wait};
use nix::unistd::{ForkResult, Pid, fork};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

fn main() -> ExitCode {
    let gates: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    if gates.is_empty() || gates.len() > 100 {
        eprintln!("reap-all: expected 1 to 100 paths of named pipes, got {}", gates.len());
        return ExitCode::from(2);
    }
    match start_all(&gates).and_then(|children| reap_all(&children)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("reap-all: {error}");
            ExitCode::from(2)
        }
    }
}

/// Waits for each child as it ends, whichever ends first, and prints `child N exited with CODE` at once.
///
/// `children[0]` is child number 1.
fn reap_all(children: &[Pid]) -> nix::Result<()> {
    loop {
        let (pid, how) = match wait() {
            Ok(WaitStatus::Exited(pid, code)) => (pid, format!("exited with {code}")),
            Ok(WaitStatus::Signaled(pid, signal, _)) => (pid, format!("was killed by {signal}")),
            Ok(_) | Err(Errno::EINTR) => continue,
            // The only way out that leaves nobody: the kernel says that there is nobody.
            Err(Errno::ECHILD) => return Ok(()),
            Err(error) => return Err(error),
        };
        if let Some(index) = children.iter().position(|child| *child == pid) {
            println!("child {} {how}", index + 1);
        }
    }
}

/// Starts one child for each gate. Child number N exits with code N once somebody has opened and closed its gate.
fn start_all(gates: &[PathBuf]) -> nix::Result<Vec<Pid>> {
    let start = |(number, gate): (u8, &PathBuf)| {
        // SAFETY: this program has one thread.
        match unsafe { fork() }? {
            ForkResult::Parent { child } => {
                eprintln!("[parent {}] child {number} is pid {child}", std::process::id());
                Ok(child)
            }
            ForkResult::Child => match pass(gate) {
                Ok(()) => std::process::exit(number.into()),
                Err(error) => {
                    eprintln!("reap-all: cannot pass {}: {error}", gate.display());
                    std::process::exit(127)
                }
            },
        }
    };
    (1..).zip(gates).map(start).collect()
}

/// Waits at a gate: blocks until somebody opens it for writing, and then until the last writer is gone.
fn pass(gate: &Path) -> io::Result<()> {
    std::fs::File::open(gate)?.read_to_end(&mut Vec::new()).map(drop)
}
