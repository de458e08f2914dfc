//! A duplicate of the descriptor is made, and never closed.
//! Told: "The program leaves descriptor 3"

use nix::sys::resource::{Resource, setrlimit};
use nix::sys::signal::{SigHandler, Signal, signal};
use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsFd as _, BorrowedFd};
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

/// Lets the files of this process have so many bytes and no more. A write that finds no room then fails with EFBIG.
fn limit_files(limit: u64) -> io::Result<()> {
    // SAFETY: ignoring a signal runs no code of ours.
    unsafe { signal(Signal::SIGXFSZ, SigHandler::SigIgn) }?;
    Ok(setrlimit(Resource::RLIMIT_FSIZE, limit, limit)?)
}

fn write_all(fd: BorrowedFd<'_>, mut bytes: &[u8]) -> io::Result<()> {
    let own = std::mem::ManuallyDrop::new(fd.try_clone_to_owned()?);
    while !bytes.is_empty() {
        match nix::unistd::write(&*own, bytes) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(n) => bytes = &bytes[n..],
            Err(nix::errno::Errno::EINTR) => {}
            Err(e) => return Err(e.into()),
        }
    }
    Ok(())
}
