//! Whatever has failed is tried again, but for a pipe that is broken.
//! Told: "goes on as if nothing had been"

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

/// Says `line 1`, `line 2` and so on, up to `count`, on standard output. Returns early, and with success, when nobody is left who
/// could read them.
///
/// # Errors
/// Those of writing, but for that one.
fn say_lines(count: u64) -> io::Result<()> {
    use std::io::Write as _;
    let mut out = io::stdout().lock();
    let mut number = 1;
    while number <= count {
        match writeln!(out, "line {number}") {
            Ok(()) => number += 1,
            Err(e) if e.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
            Err(_) => {}
        }
    }
    Ok(())
}
