//! Nobody looks at what the write returns.
//! Told: "A write has failed, and the program reports success"

use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, fork};
use std::io;
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

/// Sends a text to standard output, as records: lines that begin with the writer's number and a colon. A text that is too
/// long for one record goes into several, one after the other.
///
/// No record is longer than `PIPE_BUF`, with all that belongs to it, and each is there as a whole or not at all, whoever writes
/// besides.
fn send(number: u8, text: &[u8]) -> io::Result<()> {
    for piece in text.chunks(PIPE_BUF - 5) {
        let r = [number.to_string().as_bytes(), b":", piece, b"\n"].concat();
        // SAFETY: the bytes live through the call.
        unsafe { nix::libc::write(1, r.as_ptr().cast(), r.len()) };
    }
    Ok(())
}
