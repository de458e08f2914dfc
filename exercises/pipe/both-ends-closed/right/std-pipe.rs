//! The pipe of the standard library; each side takes its end out of an Option, and the rest goes.

use nix::sys::wait::{Id, WaitPidFlag, waitid};
use nix::unistd::{ForkResult, fork};
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

fn connect(talks_at: &Path, listens_at: &Path) -> io::Result<()> {
    let (read_end, write_end) = io::pipe()?;
    let (mut read_end, mut write_end) = (Some(read_end), Some(write_end));
    // SAFETY: this program has one thread.
    if let ForkResult::Parent { child } = unsafe { fork() }? {
        drop(write_end.take());
        listen(read_end.take().expect("it is there").into(), listens_at)?;
        waitid(Id::Pid(child), WaitPidFlag::WEXITED)?;
    } else {
        drop(read_end.take());
        talk(write_end.take().expect("it is there").into(), talks_at)?;
        std::process::exit(0)
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
