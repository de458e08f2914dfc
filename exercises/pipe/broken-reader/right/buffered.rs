//! A buffer, which is emptied at the end by hand.

use std::io::{self, BufWriter, Write as _};
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
    match say_all(count) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}

fn say_all(count: u64) -> io::Result<()> {
    let mut output = BufWriter::with_capacity(100, io::stdout().lock());
    for number in 1..=count {
        writeln!(output, "line {number}")?;
    }
    output.flush()
}
