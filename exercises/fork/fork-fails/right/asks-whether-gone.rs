//! Asks by the signal 0 whether anybody is left whom it has reaped.

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::waitpid;
use nix::unistd::Pid;
use nix::unistd::{ForkResult, fork};
use std::io::{self, Read as _};
use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let parsed = match args.as_slice() {
        [count, gate] => count.parse().ok().map(|count: u8| (count, gate, None)),
        [count, gate, limit] => count
            .parse()
            .ok()
            .zip(limit.parse().ok())
            .map(|(count, limit)| (count, gate, Some(limit))),
        _ => None,
    };
    let Some((count, gate, limit)) = parsed else {
        eprintln!("fork-fails: expected a number, the path of a named pipe, and perhaps a limit");
        return ExitCode::from(2);
    };
    match limit.map_or(Ok(()), limit_processes).and_then(|()| start_all(count)) {
        Ok(children) => {
            println!("{} children stand there", children.len());
            match pass(Path::new(gate)).and_then(|()| end_all(&children)) {
                Ok(()) => ExitCode::SUCCESS,
                Err(error) => complain(&error, 2),
            }
        }
        // EX_TEMPFAIL of sysexits(3): try again later.
        Err(error) => complain(&error, 75),
    }
}

fn complain(error: &io::Error, code: u8) -> ExitCode {
    eprintln!("fork-fails: {error}");
    ExitCode::from(code)
}

fn start_all(count: u8) -> io::Result<Vec<Pid>> {
    let mut children = Vec::new();
    for _ in 0..count {
        // SAFETY: this program has one thread.
        match unsafe { fork() } {
            Ok(ForkResult::Child) => stand(),
            Ok(ForkResult::Parent { child }) => children.push(child),
            Err(error) => {
                end_all(&children)?;
                return Err(error.into());
            }
        }
    }
    Ok(children)
}

fn end_all(children: &[Pid]) -> io::Result<()> {
    for child in children {
        kill(*child, Signal::SIGTERM)?;
        waitpid(*child, None)?;
    }
    let gone = |child: &Pid| kill(*child, None) == Err(Errno::ESRCH);
    match children.iter().find(|child| !gone(child)) {
        None => Ok(()),
        Some(child) => Err(io::Error::other(format!("{child} is still there"))),
    }
}

/// A child's part: stands there until a signal ends it.
fn stand() -> ! {
    loop {
        nix::unistd::pause();
    }
}

/// Lets this process's user have so many processes and no more (setrlimit(2)); root is let off.
fn limit_processes(count: u64) -> io::Result<()> {
    let limit = nix::libc::rlimit { rlim_cur: count, rlim_max: count };
    // SAFETY: reads one structure of ours, and writes nothing.
    match unsafe { nix::libc::setrlimit(nix::libc::RLIMIT_NPROC, &raw const limit) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Waits at a gate: blocks until somebody opens it for writing, and then until the last writer is gone.
fn pass(gate: &Path) -> io::Result<()> {
    std::fs::File::open(gate)?.read_to_end(&mut Vec::new()).map(drop)
}
