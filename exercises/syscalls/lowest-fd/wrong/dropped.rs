//! The file gets 0, and is closed at the end of the function.
//! Told: "0 is closed, and FILE is nowhere"

use std::fs::File;
use std::io::{self, Read as _};
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

fn become_input(path: &Path) -> io::Result<()> {
    nix::unistd::close(0)?;
    File::open(path).map(drop)
}

/// Waits at a gate: blocks until somebody opens it for writing, and then until the last writer is gone.
fn pass(gate: &Path) -> io::Result<()> {
    std::fs::File::open(gate)?.read_to_end(&mut Vec::new()).map(drop)
}
