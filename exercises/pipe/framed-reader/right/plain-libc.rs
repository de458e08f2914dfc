//! Plain libc: read(2) on descriptor 0, in a loop, and again on EINTR.

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

fn read_message(_: &mut impl Read) -> io::Result<Option<Vec<u8>>> {
    let mut length = [0; 2];
    match fill(&mut length)? {
        0 => return Ok(None),
        2 => {}
        _ => return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "within a length")),
    }
    let mut message = vec![0; u16::from_be_bytes(length).into()];
    if fill(&mut message)? < message.len() {
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "within a message"));
    }
    Ok(Some(message))
}

/// Reads until the buffer is full or the input has ended; returns how many bytes that were.
fn fill(buffer: &mut [u8]) -> io::Result<usize> {
    let mut have = 0;
    while let Some(rest) = buffer.get_mut(have..).filter(|rest| !rest.is_empty()) {
        // SAFETY: the pointer and the length are those of `rest`, which lives through the call.
        let count = unsafe { nix::libc::read(0, rest.as_mut_ptr().cast(), rest.len()) };
        match usize::try_from(count) {
            Ok(0) => break,
            Ok(count) => have += count,
            Err(_) => {
                let error = io::Error::last_os_error();
                if error.kind() != io::ErrorKind::Interrupted {
                    return Err(error);
                }
            }
        }
    }
    Ok(have)
}
