//! three-stage-pipeline: what comes in at standard input goes through three stages, each of them a process.
//!
//! The tempting mistake is to do one thing after the other: start stage 1, wait for it, start stage 2. With a line of text that works,
//! since a line fits into the pipe. With a mebibyte, stage 1 fills the pipe and sleeps until somebody reads; and whoever would
//! read is started when stage 1 has ended. So start all, and wait then.
//!
//! The second one is an end too many. Each fork copies what is open at that moment, and so it pays to make a pipe no earlier, and to
//! close its ends no later, than must be. Here a pipe's write end belongs to the stage that is started first, and is
//! dropped before the next one is started: nobody else can inherit it.

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

/// Runs the stages 1, 2 and 3, each in a child of this process, all at the same time. Stage 1 reads standard input, stage 3
/// writes standard output; a pipe leads from stage 1 to stage 2, another one from stage 2 to stage 3. None of them has an end that it does
/// not use, and this process has none at all.
///
/// Returns in the parent only, when all three have ended and are reaped.
fn run() -> io::Result<()> {
    let (from_1, to_2) = io::pipe()?;
    let first = match fork_one()? {
        None => {
            drop(from_1);
            end(stage(1, io::stdin(), to_2))
        }
        Some(child) => child,
    };
    drop(to_2);
    let (from_2, to_3) = io::pipe()?;
    let second = match fork_one()? {
        None => {
            drop(from_2);
            end(stage(2, from_1, to_3))
        }
        Some(child) => child,
    };
    drop((from_1, to_3));
    let third = match fork_one()? {
        None => end(stage(3, from_2, io::stdout())),
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

fn end(done: io::Result<()>) -> ! {
    if let Err(error) = &done {
        eprintln!("three-stage-pipeline, a stage: {error}");
    }
    std::process::exit(done.is_err().into())
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
