//! The length of the whole is counted in two bytes, as that of the message is.
//! Told: "attempt to add with overflow"

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
    let mut frame: Vec<u8> = vec![];
    let mut want: u16 = 2;
    while frame.len() < want as usize {
        let mut b = [0];
        if input.read(&mut b)? == 0 {
            if frame.is_empty() {
                return Ok(None);
            }
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        frame.push(b[0]);
        if frame.len() == 2 {
            want = u16::from_be_bytes([frame[0], frame[1]]) + 2;
        }
    }
    Ok(Some(frame.split_off(2)))
}
