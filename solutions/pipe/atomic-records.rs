//! atomic-records TEXT…: several writers share one standard output, a child for each TEXT, and no record is torn.
//!
//! The tempting mistake is one `writeln!` with everything in it. It looks like one write, and is one for each piece that it formats:
//! the number, the colon, the text, the newline. Between any two of them another writer may come. So put a record together
//! first, and hand it over in one call.
//!
//! The second one is to be generous in that call. The kernel keeps others out of a write of up to PIPE_BUF bytes; a longer one may
//! go in piece by piece, when there is little room. A buffer that collects records, and is written when it is full, joins them
//! into one write that is too long, and cuts one of them in two besides.
//!
//! `write_all` is the right call all the same: it makes one write(2), and a second one only where the first has taken less, which a
//! pipe that blocks doesn't do with so few bytes.

use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, fork};
use std::io::{self, Write as _};
use std::os::fd::AsFd as _;
use std::process::ExitCode;

/// Up to so many bytes, one write to a pipe goes in as a whole (pipe(7)).
#[allow(dead_code, reason = "a number can be written out, too")]
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
    let head = format!("{number}:");
    // A handle without a buffer: what is handed over is written at once, and as a whole.
    let mut output = std::fs::File::from(io::stdout().as_fd().try_clone_to_owned()?);
    for piece in text.chunks(PIPE_BUF - head.len() - 1) {
        let record = [head.as_bytes(), piece, b"\n"].concat();
        output.write_all(&record)?;
    }
    Ok(())
}
