//! A write for each line, and nobody looks at how many of its bytes it took.
//! Told: "leaves a hole"

use nix::errno::Errno;
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
    for number in 1..=count {
        match nix::unistd::write(io::stdout(), format!("line {number}\n").as_bytes()) {
            Ok(_) => {}
            Err(Errno::EPIPE) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}
