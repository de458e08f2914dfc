//! The parent looks now and then whether the child has ended.
//! Told: "sleeps by the clock"

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
    use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
    use std::io::{Read as _, Write as _};
    let (mut read_end, mut write_end) = io::pipe()?;
    // SAFETY: this program has one thread.
    match unsafe { nix::unistd::fork() }? {
        nix::unistd::ForkResult::Child => {
            drop(write_end);
            let mut heard = Vec::new();
            read_end.read_to_end(&mut heard)?;
            std::process::exit(hear(&heard).into())
        }
        nix::unistd::ForkResult::Parent { child } => {
            drop(read_end);
            write_end.write_all(text)?;
            drop(write_end);
            loop {
                match waitpid(child, Some(WaitPidFlag::WNOHANG))? {
                    WaitStatus::Exited(_, code) => return Ok(code as u8),
                    WaitStatus::StillAlive => {
                        std::thread::sleep(std::time::Duration::from_millis(5))
                    }
                    _ => return Err(io::Error::other("no")),
                }
            }
        }
    }
}

/// The child's part: says what it has heard. What it returns is the child's exit code.
fn hear(text: &[u8]) -> u8 {
    println!("pid {} heard: {}", std::process::id(), String::from_utf8_lossy(text));
    (text.len() % 100) as u8
}
