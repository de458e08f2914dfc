//! one-way-message TEXT: a parent tells its child something, through a pipe.

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
    todo!("send these {} bytes to a child, through a pipe", text.len())
}

/// The child's part: says what it has heard. What it returns is the child's exit code.
#[allow(dead_code, reason = "until `tell` calls it")]
fn hear(text: &[u8]) -> u8 {
    println!("pid {} heard: {}", std::process::id(), String::from_utf8_lossy(text));
    (text.len() % 100) as u8
}
