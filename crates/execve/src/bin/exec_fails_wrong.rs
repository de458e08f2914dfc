//! WRONG ON PURPOSE: exec fails, and the child goes on as a second shell.
//!
//! A shell with two commands to run; the first is misspelt. Ask yourself who runs the second one,
//! how many times, and what the shell is told about the first.

use anyhow::{Context, Result};
use execve::Program;
use fork::wait_for;
use nix::unistd::{ForkResult, fork, getpid};

fn main() -> Result<()> {
    // ANCHOR: loop
    for name in ["vmi", "true"] {
        println!("[shell {}] next: {name}", getpid());
        // SAFETY: this program has one thread.
        match unsafe { fork() }.context("cannot fork")? {
            ForkResult::Child => {
                let error = Program::new(name).exec();
                println!("[shell {}] cannot run {name}: {error}", getpid());
                // What is missing here?
            }
            ForkResult::Parent { child } => {
                let exit = wait_for(child).context("cannot wait")?;
                println!("[shell {}] {name}, pid {child}, ended: {exit}", getpid());
            }
        }
    }
    println!("[shell {}] the list is done", getpid());
    // ANCHOR_END: loop
    Ok(())
}
