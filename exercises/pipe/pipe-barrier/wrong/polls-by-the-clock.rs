//! A child asks poll, and gets up every fifty milliseconds to ask again.
//! Told: "A child goes by the clock"

use nix::unistd::Pid;
use std::io::{self, Read as _};
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
    use nix::poll::{PollFd, PollFlags, poll};
    use nix::unistd::{ForkResult, fork, pipe};
    use std::os::fd::AsFd as _;
    let (r, w) = pipe()?;
    let mut pids = vec![];
    for n in 1..=count {
        // SAFETY: this program has one thread.
        match unsafe { fork() }? {
            ForkResult::Child => {
                drop(w);
                while poll(&mut [PollFd::new(r.as_fd(), PollFlags::POLLIN)], 50u8)? == 0 {}
                work(n);
                std::process::exit(0)
            }
            ForkResult::Parent { child } => pids.push(child),
        }
    }
    set_up(&pids, gate)?;
    drop(w);
    for p in pids {
        nix::sys::wait::waitpid(p, None)?;
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
