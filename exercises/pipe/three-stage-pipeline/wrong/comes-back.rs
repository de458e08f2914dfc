//! The stages come back from `run` when they are done, and nobody notices.
//! Told: "A child came back from `run`"

use nix::errno::Errno;
use nix::sys::wait::waitpid;
use nix::unistd::{ForkResult, Pid, fork};
use std::io::{self, Read, Write};
use std::process::ExitCode;

fn main() -> ExitCode {
    match run() {
        Ok(()) => {
            eprintln!("all stages have ended");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("three-stage-pipeline: {error}");
            ExitCode::from(2)
        }
    }
}

fn run() -> io::Result<()> {
    let (from_1, to_2) = io::pipe()?;
    let first = match fork_one()? {
        None => {
            drop(from_1);
            return stage(1, io::stdin(), to_2);
        }
        Some(child) => child,
    };
    drop(to_2);
    let (from_2, to_3) = io::pipe()?;
    let second = match fork_one()? {
        None => {
            drop(from_2);
            return stage(2, from_1, to_3);
        }
        Some(child) => child,
    };
    drop((from_1, to_3));
    let third = match fork_one()? {
        None => return stage(3, from_2, io::stdout()),
        Some(child) => child,
    };
    drop(from_2);
    [first, second, third].into_iter().try_for_each(reap)
}

/// In the parent, the child's pid.
fn fork_one() -> io::Result<Option<Pid>> {
    // SAFETY: this program has one thread.
    match unsafe { fork() }? {
        ForkResult::Parent { child } => Ok(Some(child)),
        ForkResult::Child => Ok(None),
    }
}

fn reap(child: Pid) -> io::Result<()> {
    while let Err(error) = waitpid(child, None) {
        if error != Errno::EINTR {
            return Err(error.into());
        }
    }
    Ok(())
}
/// A stage: reads to the end, and writes what it makes of it.
fn stage(number: u8, mut input: impl Read, mut output: impl Write) -> io::Result<()> {
    let mut piece = [0; 8192];
    loop {
        let count = input.read(&mut piece)?;
        if count == 0 {
            return output.flush();
        }
        for byte in &mut piece[..count] {
            *byte = match (number, *byte) {
                (1, byte) => byte.to_ascii_uppercase(),
                (2, b'A' | b'E' | b'I' | b'O' | b'U') => b'*',
                (3, b'*') => b'-',
                (_, byte) => byte,
            };
        }
        output.write_all(&piece[..count])?;
    }
}
