//! WRONG ON PURPOSE: text that waits in a buffer at the fork is written twice.
//!
//! Ask yourself where the text is between `print!` and the end of the line. Then make it right:
//! the exercise `exit-or-_exit`.

use std::process;

use anyhow::{Context, Result};
use nix::sys::wait::waitpid;
use nix::unistd::{ForkResult, fork};

fn main() -> Result<()> {
    // ANCHOR: twice
    print!("Said once, before the fork; "); // no newline, so it stays in this process's memory

    // SAFETY: this program has one thread.
    match unsafe { fork() }.context("cannot fork")? {
        ForkResult::Child => println!("then pid {}, the child, went on.", process::id()),
        ForkResult::Parent { child } => {
            waitpid(child, None).context("cannot wait for the child")?;
            println!("then pid {}, the parent, went on.", process::id());
        }
    }
    // ANCHOR_END: twice
    Ok(())
}
