//! WRONG ON PURPOSE: the child does not leave the loop, so it forks too.
//!
//! Three rounds were meant to make three children. Count the lines, then ask yourself who runs
//! the second round.

use anyhow::{Context, Result};
use nix::sys::wait::waitpid;
use nix::unistd::{ForkResult, fork, getpid, getppid};

fn main() -> Result<()> {
    println!("[process {}] I want three children", getpid());
    // ANCHOR: loop
    for round in 1..=3 {
        // SAFETY: this program has one thread.
        match unsafe { fork() }.context("cannot fork")? {
            ForkResult::Child => {
                println!("[process {}] made in round {round} by pid {}", getpid(), getppid());
                // What is missing here?
            }
            ForkResult::Parent { child } => {
                waitpid(child, None).context("cannot wait")?;
            }
        }
    }
    // ANCHOR_END: loop
    Ok(())
}
