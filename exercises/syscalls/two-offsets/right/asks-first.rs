//! Asks whether FILE is there before it opens it, and says in its own words that it is not.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let parsed = match args.as_slice() {
        [file, word, count, gate] => count.parse().ok().map(|count| (file, word, count, gate)),
        _ => None,
    };
    let Some((file, word, count, gate)) = parsed else {
        eprintln!("two-offsets: expected a file, a word, a number and the path of a named pipe");
        return ExitCode::from(2);
    };
    match exchange(Path::new(file), word, count, Path::new(gate)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("two-offsets: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Reads `count` bytes by the one descriptor, writes `word` by the other, and stands at the gate with both of them open.
fn exchange(path: &Path, word: &str, count: usize, gate: &Path) -> io::Result<()> {
    let (mut reader, mut writer) = open_twice(path)?;
    let mut beginning = vec![0; count];
    reader.read_exact(&mut beginning)?;
    writer.write_all(word.as_bytes())?;
    println!("{}", String::from_utf8_lossy(&beginning));
    pass(gate)
}

fn open_twice(path: &Path) -> io::Result<(File, File)> {
    if !path.try_exists()? {
        let why = format!("{} is not there", path.display());
        return Err(io::Error::new(io::ErrorKind::NotFound, why));
    }
    Ok((File::open(path)?, File::options().write(true).open(path)?))
}

/// Waits at a gate: blocks until somebody opens it for writing, and then until the last writer is gone.
fn pass(gate: &Path) -> io::Result<()> {
    File::open(gate)?.read_to_end(&mut Vec::new()).map(drop)
}
