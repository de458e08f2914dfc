//! Nothing was taken, and errno is asked why: no call has failed.
//! Told: "a reason that the kernel has not given"

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

fn write_all(fd: BorrowedFd<'_>, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        // SAFETY: the pointer and the length are of one slice.
        let taken = unsafe { nix::libc::write(fd.as_raw_fd(), bytes.as_ptr().cast(), bytes.len()) };
        match usize::try_from(taken) {
            Ok(taken) if taken > 0 => bytes = &bytes[taken..],
            _ => match io::Error::last_os_error() {
                error if taken < 0 && error.kind() == io::ErrorKind::Interrupted => {}
                error => return Err(error),
            },
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
