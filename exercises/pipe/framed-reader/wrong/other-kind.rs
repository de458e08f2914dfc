//! Half a message is an error, of a kind of its own.
//! Told: "another error is returned than"

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::AsFd as _;
use std::process::ExitCode;

fn main() -> ExitCode {
    match say_all() {
        Ok(count) => {
            println!("end after {count}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("framed-reader: {error}");
            ExitCode::from(if error.kind() == io::ErrorKind::UnexpectedEof { 1 } else { 2 })
        }
    }
}

/// Says each message, its length before it, and returns how many there were.
fn say_all() -> io::Result<usize> {
    // A `File` reads what it is asked for. `Stdin` has a buffer, and reads ahead.
    let mut input = File::from(io::stdin().as_fd().try_clone_to_owned()?);
    let mut count = 0;
    while let Some(message) = read_message(&mut input)? {
        println!("[{}] {}", message.len(), message.escape_ascii());
        count += 1;
    }
    Ok(count)
}

/// Reads the next message: two bytes that say how long it is, the high one first, and then so many bytes. `None`: the input
/// has ended, where a message would have begun.
///
/// # Errors
/// Those of reading; `UnexpectedEof` when the input ends in the middle of a message.
fn read_message(input: &mut impl Read) -> io::Result<Option<Vec<u8>>> {
    let mut head = Vec::new();
    input.take(2).read_to_end(&mut head)?;
    match head.len() {
        0 => return Ok(None),
        1 => return Err(io::ErrorKind::InvalidData.into()),
        _ => {}
    }
    let len = u16::from_be_bytes([head[0], head[1]]) as u64;
    let mut body = Vec::new();
    if input.take(len).read_to_end(&mut body)? as u64 != len {
        return Err(io::ErrorKind::InvalidData.into());
    }
    Ok(Some(body))
}
