//! Collects what comes, whatever it is, and takes the whole messages out of it.

use std::collections::VecDeque;
use std::io::{self, Read as _};
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
    let (mut pending, mut count) = (VecDeque::new(), 0);
    let mut piece = [0; 100];
    loop {
        match io::stdin().lock().read(&mut piece)? {
            0 if pending.is_empty() => return Ok(count),
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            size => pending.extend(&piece[..size]),
        }
        while let Some(message) = whole_message(&mut pending) {
            println!("[{}] {}", message.len(), message.escape_ascii());
            count += 1;
        }
    }
}

/// Takes the first message out, if all of it is there.
fn whole_message(pending: &mut VecDeque<u8>) -> Option<Vec<u8>> {
    let (high, low) = (*pending.front()?, *pending.get(1)?);
    let length = usize::from(u16::from_be_bytes([high, low]));
    if pending.len() < 2 + length {
        return None;
    }
    pending.drain(..2);
    Some(pending.drain(..length).collect())
}
