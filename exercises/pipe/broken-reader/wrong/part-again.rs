//! A line that was taken in part is written once more, from its beginning.
//! Told: "writes the beginning twice"

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
        let line = format!("line {number}\n");
        loop {
            match nix::unistd::write(io::stdout(), line.as_bytes()) {
                Ok(taken) if taken == line.len() => break,
                Ok(_) => {}
                Err(Errno::EPIPE) => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
    }
    Ok(())
}
