//! A file that is not there is made.
//! Told: "and the program has made it"

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

fn become_input(path: &Path) -> io::Result<()> {
    nix::unistd::close(0)?;
    let file = File::options().read(true).write(true).create(true).truncate(false).open(path)?;
    let _zero = file.into_raw_fd();
    Ok(())
}

/// Waits at a gate: blocks until somebody opens it for writing, and then until the last writer is gone.
fn pass(gate: &Path) -> io::Result<()> {
    std::fs::File::open(gate)?.read_to_end(&mut Vec::new()).map(drop)
}
