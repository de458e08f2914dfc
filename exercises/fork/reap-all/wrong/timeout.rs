//! Twice a second, it looks who has ended.
//! Told: "P1 gets up by the clock"

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

fn reap_all(children: &[Pid]) -> nix::Result<()> {
    use nix::{
        libc,
        sys::wait::{WaitPidFlag, WaitStatus, waitpid},
    };
    let mut left: Vec<_> = children.iter().enumerate().collect();
    let fds: Vec<_> = children
        .iter()
        // SAFETY: it takes numbers only.
        .map(|c| unsafe { libc::syscall(libc::SYS_pidfd_open, c.as_raw(), 0) } as i32)
        .collect();
    while !left.is_empty() {
        let mut p: Vec<_> = left
            .iter()
            .map(|(i, _)| libc::pollfd { fd: fds[*i], events: libc::POLLIN, revents: 0 })
            .collect();
        // SAFETY: the kernel is told how many entries there are.
        unsafe { libc::poll(p.as_mut_ptr(), p.len() as u64, 500) };
        left.retain(|(i, c)| match waitpid(**c, Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::Exited(_, code)) => {
                println!("child {} exited with {code}", i + 1);
                false
            }
            _ => true,
        });
    }
    Ok(())
}
