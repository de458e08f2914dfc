//! One process writes into a pipe, and another reads what it wrote.

use std::io::{PipeReader, PipeWriter, Read, Write};
use std::os::fd::AsRawFd;

use anyhow::{Context, Result};
use nix::sys::wait::waitpid;
use nix::unistd::{ForkResult, fork, getpid};
use pipe::pipe;

fn main() -> Result<()> {
    // ANCHOR: hello
    let (read_end, write_end) = pipe().context("cannot make a pipe")?;
    let (r, w) = (read_end.as_raw_fd(), write_end.as_raw_fd());
    println!("[parent {}] made a pipe: fd {r} reads, fd {w} writes", getpid());

    // SAFETY: this program has one thread.
    match unsafe { fork() }.context("cannot fork")? {
        ForkResult::Child => {
            drop(read_end);
            println!("[child {}] closed fd {r}, and writes into fd {w}", getpid());
            let mut write_end = PipeWriter::from(write_end);
            write_end.write_all(b"hello from your child!").context("cannot write")?;
        }
        ForkResult::Parent { child } => {
            drop(write_end); // or the read below would have no end
            let mut message = String::new();
            PipeReader::from(read_end).read_to_string(&mut message).context("cannot read")?;
            println!("[parent {}] received from child: {message}", getpid());
            waitpid(child, None).context("cannot wait for the child")?;
        }
    }
    // ANCHOR_END: hello
    Ok(())
}
