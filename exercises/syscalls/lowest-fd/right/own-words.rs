//! Says which file could not be opened, with the error as nix has it.

use nix::fcntl::{OFlag, open};
use nix::sys::stat::Mode;
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
    let file = open(path, OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty())
        .map_err(|error| io::Error::other(format!("cannot open {}: {error}", path.display())))?;
    Ok(nix::unistd::dup2_stdin(&file)?)
}

/// Waits at a gate: blocks until somebody opens it for writing, and then until the last writer is gone.
fn pass(gate: &Path) -> io::Result<()> {
    std::fs::File::open(gate)?.read_to_end(&mut Vec::new()).map(drop)
}
