//! Each child has a pipe of its own, and is let go when the one before has ended.
//! Told: "do not begin together"

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
    use std::io::Write;
    let mut ws = Vec::new();
    let mut pids = Vec::new();
    for n in 1..=count {
        let (mut r, w) = io::pipe()?;
        // SAFETY: this program has one thread.
        match unsafe { nix::unistd::fork() }? {
            nix::unistd::ForkResult::Child => {
                drop(w);
                ws.clear();
                let _ = r.read(&mut [0])?;
                work(n);
                std::process::exit(0)
            }
            nix::unistd::ForkResult::Parent { child } => {
                pids.push(child);
                ws.push(w);
            }
        }
    }
    set_up(&pids, gate)?;
    for (p, mut w) in pids.into_iter().zip(ws) {
        w.write_all(b"x")?;
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
