//! pipe-barrier COUNT GATE: children that begin their work when everything is set up, and not before.
//!
//! The tempting mistake is `sleep`: by then it will be done. It will, on a quiet machine. A process can be kept from going on at
//! any line and for any time, so a time says nothing about what another process has done.
//!
//! A pipe that nobody writes to does. Whoever reads from it sleeps as long as somebody could write, and one `close` wakes all who
//! sleep, however many they are; a byte would wake one of them. So the parent holds the only write end and closes it when
//! everything is set up. *Only*: a child that has inherited that end, and keeps it, holds the barrier shut for all.
//!
//! One thing to know about this barrier: it also opens when the parent dies in the middle of its setting up, since the kernel closes a
//! dead process's descriptors. Where that must not be, let there be a byte for each child, and take the end of the pipe for bad news.

use nix::errno::Errno;
use nix::sys::wait::waitpid;
use nix::unistd::{ForkResult, Pid, fork};
use std::io::{self, PipeReader, Read as _};
use std::path::Path;
use std::process::ExitCode;

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

/// Makes the children 1 to `count`, then calls `set_up` with their pids. Child number N calls `work(N)`, and ends, when `set_up` has
/// returned; until then it waits at a pipe.
///
/// Returns in the parent only, when all children have ended and are reaped.
fn start_together(count: u8, gate: &Path) -> io::Result<()> {
    let (barrier, open) = io::pipe()?;
    let mut children = Vec::new();
    for number in 1..=count {
        // SAFETY: this program has one thread.
        match unsafe { fork() }? {
            ForkResult::Child => {
                drop(open);
                std::process::exit(work_behind(barrier, number))
            }
            ForkResult::Parent { child } => children.push(child),
        }
    }
    let done = set_up(&children, gate);
    drop(open);
    children.into_iter().try_for_each(reap)?;
    done
}

fn work_behind(mut barrier: PipeReader, number: u8) -> i32 {
    match barrier.read_to_end(&mut Vec::new()) {
        Ok(_) => {
            work(number);
            0
        }
        Err(error) => {
            eprintln!("pipe-barrier, child {number}: {error}");
            2
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
/// Sets up what the children need: takes its time at the gate, and says that it is done.
fn set_up(children: &[Pid], gate: &Path) -> io::Result<()> {
    std::fs::File::open(gate)?.read_to_end(&mut Vec::new())?;
    println!("set up for {} children", children.len());
    Ok(())
}

/// A child's part.
fn work(number: u8) {
    println!("child {number} works");
}
