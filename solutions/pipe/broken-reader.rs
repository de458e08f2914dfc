//! broken-reader COUNT: says so many lines, as long as somebody wants to hear them.
//!
//! The tempting mistake is `println!`. It returns nothing, so when its write fails it can only panic, and a tool that is piped into `head`
//! ends with a report about itself and with status 101. The next one is to be rid of the panic by `let _ =`: now nobody hears of
//! the end at all, and the program writes on, with every write refused.
//!
//! So: `writeln!`, and a look at what it returns. `BrokenPipe` means that the work is done, since nobody wants more of it. Every other
//! error is one: who takes a full disk for a satisfied reader loses what was written, and says "success".

use std::io::{self, ErrorKind, Write as _};
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
    let mut output = io::stdout().lock();
    for number in 1..=count {
        match writeln!(output, "line {number}") {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => return Ok(()),
            result => result?,
        }
    }
    Ok(())
}
