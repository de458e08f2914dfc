//! Each says when it has done its part.

use nix::sys::wait::waitpid;
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
    let (reader, writer) = io::pipe()?;
    // SAFETY: this program has one thread.
    match unsafe { fork() }? {
        ForkResult::Child => {
            drop(reader);
            let talked = talk(writer.into(), talks_at);
            println!("the child has talked");
            std::process::exit(i32::from(talked.is_err()))
        }
        ForkResult::Parent { child } => {
            drop(writer);
            listen(reader.into(), listens_at)?;
            println!("the child is reaped: {:?}", waitpid(child, None)?);
            Ok(())
        }
    }
}

/// The child's part: stands at the gate, then writes a sentence and closes its end.
#[allow(dead_code, reason = "until `connect` calls it")]
fn talk(write_end: OwnedFd, gate: &Path) -> io::Result<()> {
    pass(gate)?;
    writeln!(std::fs::File::from(write_end), "pid {} is talking", std::process::id())
}

/// The parent's part: stands at the gate, then reads until the pipe's end, and says what it has heard.
#[allow(dead_code, reason = "until `connect` calls it")]
fn listen(read_end: OwnedFd, gate: &Path) -> io::Result<()> {
    pass(gate)?;
    let mut heard = String::new();
    std::fs::File::from(read_end).read_to_string(&mut heard)?;
    print!("pid {} heard: {heard}", std::process::id());
    Ok(())
}

/// Waits at a gate: blocks until somebody opens it for writing, and then until the last writer is gone.
#[allow(dead_code, reason = "until `talk` and `listen` are called")]
fn pass(gate: &Path) -> io::Result<()> {
    std::fs::File::open(gate)?.read_to_end(&mut Vec::new()).map(drop)
}
