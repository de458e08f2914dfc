//! Rust ignores SIGPIPE, and what is ignored stays ignored in the next program.
//!
//! `yes` writes for ever, here into a pipe that nobody reads. Run in three ways, it gets SIGPIPE in
//! two of them.

use std::io::{self, PipeWriter};
use std::os::fd::AsFd;
use std::os::unix::process::ExitStatusExt;
use std::process::Command;

use anyhow::{Context, Result};
use execve::{Program, launch};
use fork::{Exit, spawn, wait_for};
use nix::unistd::{alarm, dup2_stdout, execvp, getpid};

/// The write end of a pipe that has no reader any more.
fn broken_pipe() -> Result<PipeWriter> {
    let (_reader, writer) = io::pipe().context("cannot make a pipe")?;
    Ok(writer)
}

fn main() -> Result<()> {
    let me = getpid();
    let nowhere = broken_pipe()?;

    // ANCHOR: ways
    // SAFETY: this program has one thread.
    let by_exec = unsafe {
        spawn(|| {
            alarm::set(10); // it survives exec: `yes` can't go on for longer
            let moved = dup2_stdout(&nowhere);
            let Err(_) = moved.and_then(|()| execvp(c"yes", &[c"yes"]));
            127
        })
    }
    .context("cannot fork")?;
    let exit = wait_for(by_exec).context("cannot wait")?;
    println!("[parent {me}] yes, by a bare exec: {exit}");

    let mut command = Command::new("yes");
    command.stdout(nowhere.try_clone().context("cannot copy a descriptor")?);
    let status = command.status().context("cannot run yes")?;
    if let Some(exit) = Exit::from_wait_status(status.into_raw()) {
        println!("[parent {me}] yes, by std's Command: {exit}");
    }

    let program = Program::new("yes").place(nowhere.as_fd(), 1);
    // SAFETY: still one thread.
    let launched = unsafe { launch(&program) }.context("cannot run yes")?;
    let exit = wait_for(launched).context("cannot wait")?;
    println!("[parent {me}] yes, by our launch: {exit}");
    // ANCHOR_END: ways
    Ok(())
}
