//! framed-reader: says which messages come in on standard input, a line each.
//!
//! The tempting mistake is to take one read for one message. It works at one's desk, where the writer is slow and each of
//! its writes is read before the next; and a busy machine delivers two messages at once, or one in two pieces. Only the
//! bytes themselves say where a message ends, and `read_exact` asks again until it has them.
//!
//! What `read_exact` can't say is whether the input ended before the first byte, which is a good end, or after it, which is an
//! accident. So the first byte is read alone: no byte, no message. And 0 has two meanings that must not meet: read(2) says it
//! at the end of the input, a length says it of a message that is empty, and is there.

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
    let mut length = [0; 2];
    match input.read_exact(&mut length[..1]) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        result => result?,
    }
    input.read_exact(&mut length[1..])?;
    let mut message = vec![0; u16::from_be_bytes(length).into()];
    input.read_exact(&mut message)?;
    Ok(Some(message))
}
