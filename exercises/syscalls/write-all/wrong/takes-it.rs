//! The descriptor is taken into a File, which closes it, and it was only lent.
//! Told: "closed descriptor 1, which was only lent"

use nix::sys::resource::{Resource, setrlimit};
use nix::sys::signal::{SigHandler, Signal, signal};
use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsFd as _, BorrowedFd};
use std::os::fd::{AsRawFd as _, FromRawFd as _};
use std::process::ExitCode;

fn main() -> ExitCode {
    let limit = match std::env::args().nth(1).map(|text| text.parse()) {
        None => Ok(()),
        Some(Ok(limit)) => limit_files(limit),
        Some(Err(_)) => Err(io::Error::other("expected a number of bytes, or nothing")),
    };
    let mut bytes = Vec::new();
    let read = limit.and_then(|()| io::stdin().read_to_end(&mut bytes));
    match read.and_then(|_| write_all(io::stdout().as_fd(), &bytes)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "write-all: {error}");
            ExitCode::FAILURE
        }
    }
}

fn write_all(fd: BorrowedFd<'_>, bytes: &[u8]) -> io::Result<()> {
    // SAFETY: it is not ours, so this is a mistake; nobody uses it afterwards.
    unsafe { File::from_raw_fd(fd.as_raw_fd()) }.write_all(bytes)
}

/// Lets the files of this process have so many bytes and no more. A write that finds no room then fails with EFBIG.
fn limit_files(limit: u64) -> io::Result<()> {
    // SAFETY: ignoring a signal runs no code of ours.
    unsafe { signal(Signal::SIGXFSZ, SigHandler::SigIgn) }?;
    Ok(setrlimit(Resource::RLIMIT_FSIZE, limit, limit)?)
}
