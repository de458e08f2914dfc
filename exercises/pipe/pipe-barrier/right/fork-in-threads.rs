//! Each child is made by a thread of its own, and the first one waits for all of them.

use nix::sys::wait::waitpid;
use nix::unistd::Pid;
use nix::unistd::{ForkResult, fork};
use std::io::{self, PipeReader, Read as _};
use std::os::fd::{IntoRawFd as _, RawFd};
use std::path::Path;
use std::process::ExitCode;
use std::thread;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let parsed = match args.as_slice() {
        [count, gate] => count.parse().ok().map(|count: u8| (count, gate)),
        _ => None,
    };
    let Some((count, gate)) = parsed else {
        eprintln!("pipe-barrier: expected a number of children, and the path of a named pipe");
        return ExitCode::from(2);
    };
    match start_together(count, Path::new(gate)) {
        Ok(()) => {
            println!("all children have ended");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("pipe-barrier: {error}");
            ExitCode::from(2)
        }
    }
}

fn start_together(count: u8, gate: &Path) -> io::Result<()> {
    let (reader, writer) = io::pipe()?;
    let (reader, writer) = (&reader, writer.into_raw_fd());
    let made: io::Result<Vec<Pid>> = thread::scope(|scope| {
        let make = |number| scope.spawn(move || make_child(number, reader, writer));
        let makers: Vec<_> = (1..=count).map(make).collect();
        let panicked = |_| Err(io::Error::other("a thread panicked"));
        makers.into_iter().map(|maker| maker.join().unwrap_or_else(panicked)).collect()
    });
    let children = made?;
    set_up(&children, gate)?;
    nix::unistd::close(writer)?;
    for child in children {
        waitpid(child, None)?;
    }
    Ok(())
}

fn make_child(number: u8, mut reader: &PipeReader, writer: RawFd) -> io::Result<Pid> {
    // SAFETY: no thread holds a lock that the child could want: each of them only forks.
    match unsafe { fork() }? {
        ForkResult::Child => {
            let closed = nix::unistd::close(writer);
            let waited = reader.read(&mut [0]);
            work(number);
            std::process::exit(i32::from(closed.is_err() || waited.is_err()))
        }
        ForkResult::Parent { child } => Ok(child),
    }
}

/// Sets up what the children need: takes its time at the gate, and says that it is done.
#[allow(dead_code, reason = "until `start_together` calls it")]
fn set_up(children: &[Pid], gate: &Path) -> io::Result<()> {
    std::fs::File::open(gate)?.read_to_end(&mut Vec::new())?;
    println!("set up for {} children", children.len());
    Ok(())
}

/// A child's part.
#[allow(dead_code, reason = "until `start_together` calls it")]
fn work(number: u8) {
    println!("child {number} works");
}
