//! The child asks again and again whether there is something to read.
//! Told: "spins: it asks again and again with read"

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, fork};
use std::io;
use std::io::{Read as _, Write as _};
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
    let (reader, mut writer) = io::pipe()?;
    // SAFETY: this program has one thread.
    match unsafe { fork() }? {
        ForkResult::Child => {
            drop(writer);
            std::process::exit(hear(&read_all(reader)?).into())
        }
        ForkResult::Parent { child } => {
            drop(reader);
            writer.write_all(text)?;
            drop(writer);
            match waitpid(child, None)? {
                WaitStatus::Exited(_, code) => Ok(u8::try_from(code).unwrap_or(2)),
                _ => Ok(2),
            }
        }
    }
}

fn read_all(mut reader: io::PipeReader) -> io::Result<Vec<u8>> {
    fcntl(&reader, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
    let mut heard = Vec::new();
    let mut piece = [0; 4096];
    loop {
        match reader.read(&mut piece) {
            Ok(0) => return Ok(heard),
            Ok(count) => heard.extend(&piece[..count]),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
}

/// The child's part: says what it has heard. What it returns is the child's exit code.
#[allow(dead_code, reason = "until `tell` calls it")]
fn hear(text: &[u8]) -> u8 {
    println!("pid {} heard: {}", std::process::id(), String::from_utf8_lossy(text));
    (text.len() % 100) as u8
}
