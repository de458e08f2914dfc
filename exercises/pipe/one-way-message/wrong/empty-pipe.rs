//! There is a pipe, which is read to its end, and the text comes by another way: the child had it at its birth.
//! Told: "The children have read 0 bytes from pipes"

use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, fork};
use std::io;
use std::io::Read as _;
use std::process::ExitCode;

fn main() -> ExitCode {
    let Some(text) = std::env::args().nth(1) else {
        eprintln!("one-way-message: expected a text");
        return ExitCode::from(2);
    };
    match tell(text.as_bytes()) {
        Ok(code) => {
            eprintln!("the child has ended");
            ExitCode::from(code)
        }
        Err(error) => {
            eprintln!("one-way-message: {error}");
            ExitCode::from(2)
        }
    }
}

fn tell(text: &[u8]) -> io::Result<u8> {
    let (mut read_end, write_end) = io::pipe()?;
    // SAFETY: this program has one thread.
    match unsafe { fork() }? {
        ForkResult::Child => {
            drop(write_end);
            read_end.read_to_end(&mut Vec::new())?;
            std::process::exit(hear(text).into())
        }
        ForkResult::Parent { child } => {
            drop((read_end, write_end));
            match waitpid(child, None)? {
                WaitStatus::Exited(_, code) => Ok(code.to_le_bytes()[0]),
                _ => Ok(2),
            }
        }
    }
}

/// The child's part: says what it has heard. What it returns is the child's exit code.
fn hear(text: &[u8]) -> u8 {
    println!("pid {} heard: {}", std::process::id(), String::from_utf8_lossy(text));
    (text.len() % 100) as u8
}
