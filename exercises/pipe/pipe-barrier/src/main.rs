//! pipe-barrier COUNT GATE: children that begin their work when everything is set up, and not before.

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
    todo!("make {count} children, set up at {gate:?}, and let all of them begin")
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
