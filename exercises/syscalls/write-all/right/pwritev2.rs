//! By pwritev2, where -1 stands for the place at which the descriptor is.

use nix::sys::resource::{Resource, setrlimit};
use nix::sys::signal::{SigHandler, Signal, signal};
use std::io::{self, Read as _, Write as _};
use std::os::fd::AsRawFd as _;
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

fn write_all(fd: BorrowedFd<'_>, bytes: &[u8]) -> io::Result<()> {
    let mut rest = bytes;
    while !rest.is_empty() {
        let piece = libc::iovec { iov_base: rest.as_ptr().cast_mut().cast(), iov_len: rest.len() };
        // SAFETY: the one piece is a slice that outlives the call, which reads there only.
        let taken = unsafe { libc::pwritev2(fd.as_raw_fd(), &raw const piece, 1, -1, 0) };
        match usize::try_from(taken) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(taken) => rest = &rest[taken..],
            Err(_) => {
                let error = io::Error::last_os_error();
                if error.kind() != io::ErrorKind::Interrupted {
                    return Err(error);
                }
            }
        }
    }
    Ok(())
}

/// Lets the files of this process have so many bytes and no more. A write that finds no room then fails with EFBIG.
fn limit_files(limit: u64) -> io::Result<()> {
    // SAFETY: ignoring a signal runs no code of ours.
    unsafe { signal(Signal::SIGXFSZ, SigHandler::SigIgn) }?;
    Ok(setrlimit(Resource::RLIMIT_FSIZE, limit, limit)?)
}
