//! `take` limits how far `read_to_end` goes, and what is missing then is an error.

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
    let length = read_up_to(input, 2)?;
    match *length {
        [] => Ok(None),
        [high, low] => {
            let length = u16::from_be_bytes([high, low]);
            let message = read_up_to(input, length.into())?;
            let whole = message.len() == usize::from(length);
            if whole { Ok(Some(message)) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
        }
        _ => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

fn read_up_to(input: &mut impl Read, count: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    input.take(count).read_to_end(&mut bytes)?;
    Ok(bytes)
}
