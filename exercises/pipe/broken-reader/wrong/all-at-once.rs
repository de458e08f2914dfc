//! All lines are put together first, and then said.
//! Told: "No line comes as long as there are more to say"

use std::io;
use std::io::Write as _;
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
    let mut lines = String::new();
    for number in 1..=count {
        lines += &format!("line {number}\n");
    }
    match io::stdout().write_all(lines.as_bytes()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}
