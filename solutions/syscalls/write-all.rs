//! write-all [LIMIT]: writes what it reads, all of it.
//!
//! The tempting mistake is `write(fd, bytes)?; Ok(())`. It works in every test that one makes by hand: files and pipes with room take all that they
//! are offered. Then a pipe is full, a disk nearly so, or a signal comes in the middle, and the end of a letter is missing, and nobody has reported an error, since there was none.
//! The count that `write` returns is the answer.
//!
//! The second one is a loop that trusts the count blindly. A write that takes nothing would keep it busy for ever; so 0 is an error
//! here, as it is in std's `write_all`.

use nix::errno::Errno;
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

/// Writes all of `bytes` to `fd`, which is lent, however few of them the kernel takes at a time.
///
/// An interruption (EINTR) is no error. The errors are those of write(2), and `WriteZero` where it takes nothing and gives no reason.
fn write_all(fd: BorrowedFd<'_>, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match nix::unistd::write(fd, bytes) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(taken) => bytes = &bytes[taken..],
            Err(Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
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
