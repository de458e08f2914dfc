//! A buffer that reads ahead is made for each message, and dropped with what it has read of the next.
//! Told: "Bytes got lost between two messages"

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read};
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
    let mut input = BufReader::new(input);
    if input.fill_buf()?.is_empty() {
        return Ok(None);
    }
    let mut length = [0; 2];
    input.read_exact(&mut length)?;
    let mut message = vec![0; u16::from_be_bytes(length).into()];
    input.read_exact(&mut message)?;
    Ok(Some(message))
}
