//! The child reads the pipe to its end, and says the TEXT that it was born with.
//! Told: "though nothing of it has come to it by the pipe"

use std::io;
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

/// Makes a pipe and a child, and writes `text` into the pipe. The child reads until the pipe's end, gives what it has read to
/// `hear`, and ends with the code that this returns.
///
/// Returns the child's code, in the parent only, when the child has been reaped.
fn tell(text: &[u8]) -> io::Result<u8> {
    use std::io::{Read, Write};
    let (mut r, mut w) = io::pipe()?;
    // SAFETY: this program has one thread.
    match unsafe { nix::unistd::fork() }? {
        nix::unistd::ForkResult::Child => {
            drop(w);
            let mut v = Vec::new();
            r.read_to_end(&mut v)?;
            std::process::exit(hear(text).into())
        }
        nix::unistd::ForkResult::Parent { child } => {
            drop(r);
            w.write_all(text)?;
            drop(w);
            match nix::sys::wait::waitpid(child, None)? {
                nix::sys::wait::WaitStatus::Exited(_, c) => Ok(c as u8),
                _ => Ok(255),
            }
        }
    }
}

/// The child's part: says what it has heard. What it returns is the child's exit code.
fn hear(text: &[u8]) -> u8 {
    println!("pid {} heard: {}", std::process::id(), String::from_utf8_lossy(text));
    (text.len() % 100) as u8
}
