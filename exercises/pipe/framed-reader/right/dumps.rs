//! Each message is shown on standard error, byte by byte.

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

fn read_message(input: &mut impl Read) -> io::Result<Option<Vec<u8>>> {
    let mut length = [0; 2];
    if input.read(&mut length[..1])? == 0 {
        return Ok(None);
    }
    input.read_exact(&mut length[1..])?;
    let mut message = vec![0; u16::from_be_bytes(length).into()];
    input.read_exact(&mut message)?;
    eprintln!("length {length:?}, message {message:?}");
    Ok(Some(message))
}
