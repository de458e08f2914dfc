//! A record has so many characters, and each of them is a byte, it believes.
//! Told: "how much of that is a character"

use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, fork};
use std::io::{self, Write as _};
use std::os::fd::AsFd as _;
use std::process::ExitCode;

/// Up to so many bytes, one write to a pipe goes in as a whole (pipe(7)).
const PIPE_BUF: usize = 4096;

fn main() -> ExitCode {
    let texts: Vec<String> = std::env::args().skip(1).collect();
    match run(&texts) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("atomic-records: {error}");
            ExitCode::from(2)
        }
    }
}

/// Has each text sent by a child of its own, waits for all of them, and returns the highest of their exit codes.
fn run(texts: &[String]) -> io::Result<u8> {
    let mut writers = Vec::new();
    for (number, text) in (1..).zip(texts) {
        // SAFETY: this program has one thread.
        match unsafe { fork() }? {
            ForkResult::Parent { child } => writers.push(child),
            ForkResult::Child => {
                send(number, text.as_bytes())?;
                std::process::exit(0)
            }
        }
    }
    let mut highest = 0;
    for writer in writers {
        highest = highest.max(match waitpid(writer, None)? {
            WaitStatus::Exited(_, code) => code as u8,
            _ => 128,
        });
    }
    Ok(highest)
}

fn send(number: u8, text: &[u8]) -> io::Result<()> {
    let mut output = std::fs::File::from(io::stdout().as_fd().try_clone_to_owned()?);
    let characters: Vec<char> = String::from_utf8_lossy(text).chars().collect();
    for piece in characters.chunks(PIPE_BUF - 5) {
        let piece = String::from_iter(piece);
        output.write_all(format!("{number}:{piece}\n").as_bytes())?;
    }
    Ok(())
}
