//! Whatever goes wrong, it is a reason to stop, and no more.
//! Told: "ends as if its reader had left"

use std::io::{self, Write as _};
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
    let mut output = io::stdout().lock();
    for number in 1..=count {
        if writeln!(output, "line {number}").is_err() {
            break;
        }
    }
    Ok(())
}
