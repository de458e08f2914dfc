//! An epoll instance tells once of each pidfd, and keeps those of children that are gone.

use nix::errno::Errno;
use nix::libc;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid, fork};
use std::io::{self, Read as _};
use std::os::fd::{FromRawFd as _, OwnedFd};
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

fn reap_all(children: &[Pid]) -> nix::Result<()> {
    let ended = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
    let mut pidfds = Vec::new();
    for (index, child) in (0..).zip(children) {
        // SAFETY: the call takes a pid and flags.
        let number = unsafe { libc::syscall(libc::SYS_pidfd_open, child.as_raw(), 0) };
        let number = Errno::result(number)? as libc::c_int;
        // SAFETY: the descriptor was just made, and nobody else has it.
        let pidfd = unsafe { OwnedFd::from_raw_fd(number) };
        let once = EpollFlags::EPOLLIN | EpollFlags::EPOLLONESHOT;
        ended.add(&pidfd, EpollEvent::new(once, index))?;
        pidfds.push(pidfd);
    }
    let mut left = children.len();
    while left > 0 {
        let mut events = [EpollEvent::empty()];
        match ended.wait(&mut events, EpollTimeout::NONE) {
            Ok(_) => {}
            Err(Errno::EINTR) => continue,
            Err(error) => return Err(error),
        }
        let index = events[0].data() as usize;
        let how = match waitpid(children[index], None) {
            Ok(WaitStatus::Exited(_, code)) => format!("exited with {code}"),
            Ok(WaitStatus::Signaled(_, signal, _)) => format!("was killed by {signal}"),
            Ok(_) | Err(Errno::EINTR) => continue,
            Err(error) => return Err(error),
        };
        println!("child {} {how}", index + 1);
        left -= 1;
    }
    Ok(())
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
