//! A message without bytes is nothing to return, it believes.
//! Told: "An empty message was left out"

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
    loop {
        let mut head = [0; 2];
        if input.read(&mut head[..1])? == 0 {
            return Ok(None);
        }
        input.read_exact(&mut head[1..])?;
        let n = u16::from_be_bytes(head);
        if n == 0 {
            continue;
        }
        let mut m = vec![0; n.into()];
        input.read_exact(&mut m)?;
        return Ok(Some(m));
    }
}
