//! The calls of C: each end is a number, and is closed by it.

use nix::libc;
use std::io::{self, Read as _, Write as _};
use std::os::fd::{FromRawFd as _, OwnedFd};
use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [talks_at, listens_at] = args.as_slice() else {
        eprintln!("both-ends-closed: expected the paths of two named pipes");
        return ExitCode::from(2);
    };
    match connect(Path::new(talks_at), Path::new(listens_at)) {
        Ok(()) => {
            eprintln!("the child has ended");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("both-ends-closed: {error}");
            ExitCode::from(2)
        }
    }
}

fn connect(talks_at: &Path, listens_at: &Path) -> io::Result<()> {
    let mut ends = [0; 2];
    // SAFETY: `ends` has room for two descriptors.
    check(unsafe { libc::pipe(ends.as_mut_ptr()) })?;
    // SAFETY: this program has one thread.
    let child = unsafe { libc::fork() };
    check(child)?;
    let (mine, others) = if child == 0 { (ends[1], ends[0]) } else { (ends[0], ends[1]) };
    // SAFETY: nothing else in this process owns that end.
    check(unsafe { libc::close(others) })?;
    // SAFETY: as above.
    let mine = unsafe { OwnedFd::from_raw_fd(mine) };
    if child == 0 {
        talk(mine, talks_at)?;
        // SAFETY: nothing is in a buffer.
        unsafe { libc::_exit(0) }
    }
    listen(mine, listens_at)?;
    // SAFETY: a null pointer asks for no status.
    check(unsafe { libc::waitpid(child, std::ptr::null_mut(), 0) })
}

fn check(result: i32) -> io::Result<()> {
    if result == -1 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
/// The child's part: stands at the gate, then writes a sentence and closes its end.
fn talk(write_end: OwnedFd, gate: &Path) -> io::Result<()> {
    pass(gate)?;
    writeln!(std::fs::File::from(write_end), "pid {} is talking", std::process::id())
}

/// The parent's part: stands at the gate, then reads until the pipe's end, and says what it has heard.
fn listen(read_end: OwnedFd, gate: &Path) -> io::Result<()> {
    pass(gate)?;
    let mut heard = String::new();
    std::fs::File::from(read_end).read_to_string(&mut heard)?;
    print!("pid {} heard: {heard}", std::process::id());
    Ok(())
}

/// Waits at a gate: blocks until somebody opens it for writing, and then until the last writer is gone.
fn pass(gate: &Path) -> io::Result<()> {
    std::fs::File::open(gate)?.read_to_end(&mut Vec::new()).map(drop)
}
