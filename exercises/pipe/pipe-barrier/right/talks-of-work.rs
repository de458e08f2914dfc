//! Everybody says what it does, of the work, too.

use nix::sys::wait::waitpid;
use nix::unistd::Pid;
use nix::unistd::{ForkResult, fork};
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

fn start_together(count: u8, gate: &Path) -> io::Result<()> {
    let (mut reader, writer) = io::pipe()?;
    let mut children = Vec::new();
    for number in 1..=count {
        // SAFETY: this program has one thread.
        match unsafe { fork() }? {
            ForkResult::Child => {
                drop(writer);
                println!("child {number} waits: nobody works");
                reader.read_to_end(&mut Vec::new())?;
                println!("child {number} goes on");
                work(number);
                println!("child {number} has worked");
                std::process::exit(0)
            }
            ForkResult::Parent { child } => children.push(child),
        }
    }
    set_up(&children, gate)?;
    println!("from now on, everybody works");
    drop(writer);
    for child in children {
        println!("{:?}", waitpid(child, None)?);
    }
    Ok(())
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
