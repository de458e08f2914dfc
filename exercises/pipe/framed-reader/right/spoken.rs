//! Each read is told of on standard error.

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
    eprintln!("--- the next message");
    let mut length = [0; 2];
    match fill(input, &mut length)? {
        0 => return Ok(None),
        1 => return Err(io::ErrorKind::UnexpectedEof.into()),
        _ => {}
    }
    eprintln!("its length: {length:?}");
    let mut message = vec![0; u16::from_be_bytes(length).into()];
    if fill(input, &mut message)? < message.len() {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(Some(message))
}

/// Reads until all of it is full, or the input has ended. Returns how many bytes have come.
fn fill(input: &mut impl Read, place: &mut [u8]) -> io::Result<usize> {
    let mut full = 0;
    while full < place.len() {
        let count = input.read(&mut place[full..]);
        eprintln!("wanted {} bytes, after {full} others: {count:?}", place.len());
        match count {
            Ok(0) => break,
            Ok(count) => full += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(full)
}
