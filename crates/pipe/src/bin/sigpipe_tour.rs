//! Four ways to write into a pipe that nobody reads, and how each of them ends.

use std::io::{self, ErrorKind, Write};
use std::os::fd::OwnedFd;
use std::{panic, process};

use anyhow::{Context, Result};
use nix::sys::signal::{SigHandler, Signal, signal};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, dup2_stdout, fork, getpid, write};
use pipe::pipe;

// ANCHOR: ways
/// What most programs get: the signal's default action, which is to die of it.
fn by_default() -> Result<()> {
    // SAFETY: sets no handler.
    unsafe { signal(Signal::SIGPIPE, SigHandler::SigDfl) }.context("cannot reset SIGPIPE")?;
    write(io::stdout(), b"hello\n").context("this is never said")?;
    Ok(())
}

/// What Rust programs get: SIGPIPE ignored since before `main`, and so an error from write(2).
fn ignored() -> Result<()> {
    match write(io::stdout(), b"hello\n") {
        Err(error) => process::exit(error as i32), // errno as the exit code, to be seen
        Ok(_) => Ok(()),
    }
}

/// `println!` has no way to return an error.
fn println() -> Result<()> {
    println!("hello");
    Ok(())
}

/// `writeln!` has. This is the end of a program like `head`'s left neighbour: enough was read.
fn quietly() -> Result<()> {
    match writeln!(io::stdout(), "hello") {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        other => other.context("cannot write"),
    }
}
// ANCHOR_END: ways

/// Runs `way` in a child whose standard output is a pipe without a reader.
fn try_out(name: &str, broken: &OwnedFd, way: fn() -> Result<()>) -> Result<()> {
    // SAFETY: this program has one thread.
    let ForkResult::Parent { child } = unsafe { fork() }.context("cannot fork")? else {
        dup2_stdout(broken).context("cannot replace standard output")?;
        process::exit(i32::from(way().is_err()));
    };
    let end = match waitpid(child, None).context("cannot wait for the child")? {
        WaitStatus::Signaled(_, signal, _) => {
            format!("killed by {signal}; a shell shows {}", 128 + signal as i32)
        }
        WaitStatus::Exited(_, code) => format!("exit code {code}"),
        other => format!("{other:?}"),
    };
    println!("[parent {}] {name}: pid {child}, {end}", getpid());
    Ok(())
}

fn main() -> Result<()> {
    let (read_end, broken) = pipe().context("cannot make a pipe")?;
    drop(read_end);
    // The usual message of a panic, shortened to its reason.
    panic::set_hook(Box::new(|panic| {
        let reason = panic.payload().downcast_ref::<String>();
        eprintln!("[child {}] panicked: {}", getpid(), reason.map_or("?", String::as_str));
    }));
    try_out("SIGPIPE's default", &broken, by_default)?;
    try_out("SIGPIPE ignored, a bare write(2)", &broken, ignored)?;
    try_out("SIGPIPE ignored, println!", &broken, println)?;
    try_out("SIGPIPE ignored, writeln! and a look at its error", &broken, quietly)
}
