//! Many lines by one writev(2), and again with what it has not taken.

use std::fs::File;
use std::io::{self, ErrorKind, IoSlice, Write as _};
use std::os::fd::AsFd as _;
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
    let mut output = File::from(io::stdout().as_fd().try_clone_to_owned()?);
    let mut first = 1;
    while first <= count {
        let last = count.min(first + 499);
        let lines: Vec<_> = (first..=last).map(|number| format!("line {number}\n")).collect();
        let mut slices: Vec<_> = lines.iter().map(|line| IoSlice::new(line.as_bytes())).collect();
        let mut rest = slices.as_mut_slice();
        while !rest.is_empty() {
            match output.write_vectored(rest) {
                Ok(taken) => IoSlice::advance_slices(&mut rest, taken),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::BrokenPipe => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        first = last + 1;
    }
    Ok(())
}
