//! Both pipes are made first, and each stage puts its ends in place of its standard input and output.

use nix::sys::wait::wait;
use nix::unistd::{ForkResult, dup2_stdin, dup2_stdout, fork, pipe};
use std::fs::File;
use std::io::{self, Read, Write};
use std::mem::ManuallyDrop;
use std::os::fd::{FromRawFd as _, OwnedFd};
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
    let (from_1, to_2) = pipe()?;
    let (from_2, to_3) = pipe()?;
    let ends = [from_1, to_2, from_2, to_3];
    for number in 1..=3 {
        // SAFETY: this program has one thread.
        if let ForkResult::Child = unsafe { fork() }? {
            let done = be(number, ends);
            std::process::exit(done.is_err().into())
        }
    }
    drop(ends);
    while wait().is_ok() {}
    Ok(())
}

fn be(number: u8, ends: [OwnedFd; 4]) -> io::Result<()> {
    match number {
        1 => dup2_stdout(&ends[1])?,
        2 => {
            dup2_stdin(&ends[0])?;
            dup2_stdout(&ends[3])?;
        }
        _ => dup2_stdin(&ends[2])?,
    }
    drop(ends);
    // SAFETY: 1 is open, and stays so.
    let output = ManuallyDrop::new(unsafe { File::from_raw_fd(1) });
    stage(number, io::stdin(), &*output)
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
