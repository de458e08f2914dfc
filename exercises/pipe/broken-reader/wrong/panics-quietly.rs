//! The panic of println is caught, and its message searched for the one error that is none.
//! Told: "another error is reported than that one"

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
    std::panic::set_hook(Box::new(|_| {}));
    match std::panic::catch_unwind(|| {
        for i in 1..=count {
            println!("line {i}");
        }
    }) {
        Ok(()) => Ok(()),
        Err(p) => {
            let t = p.downcast_ref::<String>().cloned().unwrap_or_default();
            if t.contains("Broken pipe") { Ok(()) } else { Err(io::Error::other("write error")) }
        }
    }
}
