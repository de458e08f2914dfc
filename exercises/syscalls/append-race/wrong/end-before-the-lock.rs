//! Goes to the end before it has the lock, for which it looks from time to time.
//! Told: "Bert (P3) has gone to the end, and writes there later"

use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, fork};
use std::fs::File;
use std::io;
use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::OnceLock;
use std::time::Duration;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let parsed = match args.as_slice() {
        [log, count] => count.parse().ok().map(|count: u32| (log, count)),
        _ => None,
    };
    let Some((log, count)) = parsed else {
        eprintln!("append-race: expected the path of a file, and a number");
        return ExitCode::from(2);
    };
    match start_both(Path::new(log), count) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("append-race: {error}");
            ExitCode::from(2)
        }
    }
}

/// Makes two processes (chapter 1) that write at the same time, and waits for them. Returns the code of one that failed, or 0.
fn start_both(log: &Path, count: u32) -> nix::Result<u8> {
    let mut writers = Vec::new();
    for writer in ["Anna", "Bert"] {
        // SAFETY: this program has one thread.
        match unsafe { fork() }? {
            ForkResult::Child => match write_records(log, writer, count) {
                Ok(()) => std::process::exit(0),
                Err(error) => {
                    eprintln!("append-race: {writer}: {error}");
                    std::process::exit(1)
                }
            },
            ForkResult::Parent { child } => writers.push(child),
        }
    }
    let mut code = 0;
    for writer in writers {
        match waitpid(writer, None)? {
            WaitStatus::Exited(_, 0) => {}
            WaitStatus::Exited(_, failed) => code = u8::try_from(failed).unwrap_or(1),
            _ => code = 1,
        }
    }
    Ok(code)
}

/// A writer's part: `Anna 1`, `Anna 2`, …
fn write_records(path: &Path, writer: &str, count: u32) -> io::Result<()> {
    let mut log = open_log(path)?;
    (1..=count).try_for_each(|number| append(&mut log, &format!("{writer} {number}")))
}

static LOCK: OnceLock<PathBuf> = OnceLock::new();

fn open_log(path: &Path) -> io::Result<File> {
    LOCK.get_or_init(|| path.with_extension("lock"));
    File::options().write(true).create(true).truncate(false).open(path)
}

fn append(log: &mut File, record: &str) -> io::Result<()> {
    let lock = LOCK.get().ok_or(io::ErrorKind::NotFound)?;
    log.seek(SeekFrom::End(0))?;
    while let Err(error) = File::create_new(lock) {
        if error.kind() != io::ErrorKind::AlreadyExists {
            return Err(error);
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    let written = log.write_all(format!("{record}\n").as_bytes());
    std::fs::remove_file(lock)?;
    written
}
