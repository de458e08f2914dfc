//! both-ends-closed GATE-1 GATE-2: a child talks to its parent, and each of the two has one end of the pipe.
//!
//! The tempting mistake is to close the write end in the parent, since without that the program hangs, and to stop there, since
//! then it works. The child's read end keeps nobody waiting today. But while it is open, somebody can read: if the parent dies, the
//! child is not told. It goes on writing, to itself, until the pipe is full, and then it waits for its own read end to be read.
//!
//! The other one is a line that looks like a closing and is none. `let _ = read_end;` binds nothing and so it moves nothing: the
//! end is open until its variable goes out of scope. `drop(read_end)` takes it.

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::wait::waitpid;
use nix::unistd::{ForkResult, Pid, fork, pipe2};
use std::io::{self, Read as _, Write as _};
use std::os::fd::OwnedFd;
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

/// Makes a pipe and a child. The child calls `talk` with the write end and the gate `talks_at`, the parent calls `listen` with
/// the read end and the gate `listens_at`. While it is in there, each of them has that end of the pipe, and no other one.
///
/// Returns in the parent only, when the child has been reaped.
fn connect(talks_at: &Path, listens_at: &Path) -> io::Result<()> {
    let (read_end, write_end) = pipe2(OFlag::O_CLOEXEC)?;
    // SAFETY: this program has one thread.
    match unsafe { fork() }? {
        ForkResult::Child => {
            drop(read_end);
            let talked = talk(write_end, talks_at);
            std::process::exit(talked.is_err().into())
        }
        ForkResult::Parent { child } => {
            drop(write_end);
            let heard = listen(read_end, listens_at);
            reap(child)?;
            heard
        }
    }
}

fn reap(child: Pid) -> io::Result<()> {
    while let Err(error) = waitpid(child, None) {
        if error != Errno::EINTR {
            return Err(error.into());
        }
    }
    Ok(())
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
