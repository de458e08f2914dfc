//! A loop over the stages that hands on the read end, as shells do; the last stage is made first to wait for.

use nix::sys::wait::waitpid;
use nix::unistd::{ForkResult, fork};
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd as _, OwnedFd};
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
    let mut input: OwnedFd = io::stdin().as_fd().try_clone_to_owned()?;
    let mut children = Vec::new();
    for number in 1..=3 {
        let (next, output): (Option<OwnedFd>, OwnedFd) = if number < 3 {
            let (read_end, write_end) = io::pipe()?;
            (Some(read_end.into()), write_end.into())
        } else {
            (None, io::stdout().as_fd().try_clone_to_owned()?)
        };
        // SAFETY: this program has one thread.
        match unsafe { fork() }? {
            ForkResult::Child => {
                drop(next);
                stage(number, File::from(input), File::from(output))?;
                std::process::exit(0)
            }
            ForkResult::Parent { child } => children.push(child),
        }
        drop(output);
        match next {
            Some(next) => input = next,
            None => break,
        }
    }
    drop(input);
    for child in children.into_iter().rev() {
        waitpid(child, None)?;
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
