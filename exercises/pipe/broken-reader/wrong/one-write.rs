//! One write for many lines, and nobody looks at how many bytes it took.
//! Told: "loses the rest"

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
    use std::io::Write;
    use std::os::fd::AsFd;
    let mut file = std::fs::File::from(io::stdout().as_fd().try_clone_to_owned()?);
    let mut b = Vec::new();
    for i in 1..=count {
        writeln!(b, "line {i}")?;
        if b.len() > 30000 || i == count {
            match file.write(&b) {
                Err(e) if e.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
                r => {
                    r?;
                }
            }
            b.clear();
        }
    }
    Ok(())
}
