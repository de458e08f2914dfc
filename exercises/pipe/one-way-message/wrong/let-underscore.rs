//! `let _ =` binds nothing, and so it drops nothing: the child has the write end until it ends.
//! Told: "P2 reads from a pipe that it could write to itself"

use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, fork};
use std::io::{self, Read as _, Write as _};
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
    let (mut read_end, mut write_end) = io::pipe()?;
    // SAFETY: this program has one thread.
    match unsafe { fork() }? {
        ForkResult::Child => {
            let _ = write_end;
            let mut heard = Vec::new();
            read_end.read_to_end(&mut heard)?;
            std::process::exit(hear(&heard).into())
        }
        ForkResult::Parent { child } => {
            write_end.write_all(text)?;
            drop(write_end);
            match waitpid(child, None)? {
                WaitStatus::Exited(_, code) => Ok(code as u8),
                other => Err(io::Error::other(format!("{other:?}"))),
            }
        }
    }
}
/// The child's part: says what it has heard. What it returns is the child's exit code.
fn hear(text: &[u8]) -> u8 {
    println!("pid {} heard: {}", std::process::id(), String::from_utf8_lossy(text));
    (text.len() % 100) as u8
}
