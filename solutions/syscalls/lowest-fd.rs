//! lowest-fd FILE GATE: makes FILE the standard input, and reads it from there.
//!
//! The tempting mistake is the natural order: open the new file, then close the old one. While 0 is taken, the new file gets 3, and afterwards
//! nobody is at 0. The kernel gives away the lowest number that is free, so it has to be free first.
//!
//! The second one is a `File` that is dropped at the end of the function: it owns its number, and closes it.
//!
//! Between the two calls nobody else must open a file. In a program with threads one uses dup2(2) instead, which closes and leads in one step.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::fd::IntoRawFd as _;
use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [file, gate] = args.as_slice() else {
        eprintln!("lowest-fd: expected the path of a file, and that of a named pipe");
        return ExitCode::from(2);
    };
    let mut text = String::new();
    let read = become_input(Path::new(file))
        .and_then(|()| pass(Path::new(gate)))
        .and_then(|()| io::stdin().read_to_string(&mut text));
    match read {
        Ok(_) => {
            print!("{text}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("lowest-fd: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Makes the file at `path` the standard input: from now on, 0 leads to it, and no other number does.
fn become_input(path: &Path) -> io::Result<()> {
    nix::unistd::close(0)?;
    // 0 belongs to the whole program from here on, and is never closed.
    let number = File::open(path)?.into_raw_fd();
    assert_eq!(number, 0, "nobody else opens files here");
    Ok(())
}

/// Waits at a gate: blocks until somebody opens it for writing, and then until the last writer is gone.
fn pass(gate: &Path) -> io::Result<()> {
    std::fs::File::open(gate)?.read_to_end(&mut Vec::new()).map(drop)
}
