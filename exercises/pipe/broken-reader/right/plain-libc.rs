//! Plain libc: write(2) on descriptor 1, many lines at once, and errno.

use nix::libc;
use std::io;
use std::process::ExitCode;

fn main() -> ExitCode {
    let Some(count) = std::env::args().nth(1).and_then(|text| text.parse().ok()) else {
        eprintln!("broken-reader: expected a number of lines, such as 1000000");
        return ExitCode::from(2);
    };
    match say_lines(count) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("broken-reader: {error}");
            ExitCode::from(2)
        }
    }
}

fn say_lines(count: u64) -> io::Result<()> {
    let (mut text, mut number) = (String::new(), 0);
    while number < count {
        text.clear();
        while number < count && text.len() < 3000 {
            number += 1;
            text += &format!("line {number}\n");
        }
        if let Err(error) = write_all(text.as_bytes()) {
            return if error.raw_os_error() == Some(libc::EPIPE) { Ok(()) } else { Err(error) };
        }
    }
    Ok(())
}

fn write_all(mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        // SAFETY: the pointer and the length are those of `bytes`.
        let count = unsafe { libc::write(1, bytes.as_ptr().cast(), bytes.len()) };
        bytes = &bytes[usize::try_from(count).map_err(|_| io::Error::last_os_error())?..];
    }
    Ok(())
}
