//! pwritev2(2), with the place -1: that of write(2).

use nix::errno::Errno;
use nix::libc;
use std::io::{self, IoSlice};
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
    for number in 1..=count {
        let line = format!("line {number}\n");
        let mut rest = line.as_bytes();
        while !rest.is_empty() {
            let piece = IoSlice::new(rest);
            // SAFETY: an `IoSlice` is laid out as a `struct iovec`, and its bytes live until this call is over.
            let taken = unsafe { libc::pwritev2(1, (&raw const piece).cast(), 1, -1, 0) };
            match Errno::result(taken) {
                Ok(taken) => rest = rest.get(taken.unsigned_abs()..).unwrap_or_default(),
                Err(Errno::EINTR) => {}
                Err(Errno::EPIPE) => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
    }
    Ok(())
}
