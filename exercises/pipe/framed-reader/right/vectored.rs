//! All reads are readv(2), which fills several places.

use std::fs::File;
use std::io::{self, IoSliceMut, Read};
use std::os::fd::AsFd as _;
use std::process::ExitCode;
use std::slice;

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
    let (mut high, mut low) = (0, 0);
    let mut length = [slice::from_mut(&mut high), slice::from_mut(&mut low)].map(IoSliceMut::new);
    match fill(input, &mut length)? {
        0 => return Ok(None),
        1 => return Err(io::ErrorKind::UnexpectedEof.into()),
        _ => {}
    }
    let mut message = vec![0; u16::from_be_bytes([high, low]).into()];
    if fill(input, &mut [IoSliceMut::new(&mut message)])? < message.len() {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(Some(message))
}

/// Reads until all of them are full, or the input has ended. Returns how many bytes have come.
fn fill(input: &mut impl Read, mut places: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
    let mut full = 0;
    while places.iter().any(|place| !place.is_empty()) {
        match input.read_vectored(places) {
            Ok(0) => break,
            Ok(count) => {
                full += count;
                IoSliceMut::advance_slices(&mut places, count);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(full)
}
