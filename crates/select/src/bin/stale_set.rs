//! WRONG ON PURPOSE: the set that select(2) returned is handed to it again.
//!
//! Two pipes, watched in a loop; each has something to say, the second one a round later. Ask
//! yourself what is left in the set after the first round.

use std::io::{Read, Write, pipe};
use std::os::fd::AsFd;

use anyhow::{Context, Result};
use nix::sys::select::{FdSet, select};
use nix::sys::time::{TimeVal, TimeValLike};
use nix::unistd::getpid;

fn main() -> Result<()> {
    let me = getpid();
    let (first, mut to_first) = pipe().context("cannot make a pipe")?;
    let (second, mut to_second) = pipe().context("cannot make a pipe")?;

    // ANCHOR: stale
    let mut set = FdSet::new();
    set.insert(first.as_fd());
    set.insert(second.as_fd());

    to_first.write_all(b"a").context("cannot write")?;
    println!("[process {me}] there is a byte in the first pipe");
    for round in 1..=3 {
        let mut soon = TimeVal::milliseconds(10);
        let count = select(None, &mut set, None, None, &mut soon).context("cannot select")?;
        println!("[process {me}] round {round}: {count} readable");
        if set.contains(first.as_fd()) {
            (&first).read_exact(&mut [0]).context("cannot read")?;
            to_second.write_all(b"b").context("cannot write")?;
            println!("[process {me}] I have read it, and there is one in the second pipe now");
        }
    }
    // ANCHOR_END: stale
    Ok(())
}
