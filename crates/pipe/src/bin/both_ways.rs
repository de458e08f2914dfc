//! A pipe goes one way only; for both ways there is the socket pair.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;

use anyhow::{Context, Result};
use nix::sys::wait::waitpid;
use nix::unistd::{ForkResult, fork, getpid, read, write};
use pipe::pipe;

fn main() -> Result<()> {
    let me = getpid();
    // ANCHOR: pipe
    let (read_end, write_end) = pipe().context("cannot make a pipe")?;
    if let Err(error) = write(&read_end, b"ping") {
        println!("[parent {me}] wrote to the read end: {error}");
    }
    let mut answer = [0; 4];
    write(&write_end, b"ping").context("cannot write")?;
    read(&read_end, &mut answer).context("cannot read")?;
    let heard = String::from_utf8_lossy(&answer);
    println!("[parent {me}] one pipe: asked `ping`, heard `{heard}`, my own question");
    // ANCHOR_END: pipe

    // ANCHOR: pair
    let (mut ours, mut theirs) = UnixStream::pair().context("cannot make a socket pair")?;
    // SAFETY: this program has one thread.
    let ForkResult::Parent { child } = unsafe { fork() }.context("cannot fork")? else {
        drop(ours);
        let mut question = [0; 4];
        theirs.read_exact(&mut question).context("cannot read the question")?;
        return theirs.write_all(b"pong").context("cannot answer");
    };
    drop(theirs);
    ours.write_all(b"ping").context("cannot ask")?;
    ours.read_exact(&mut answer).context("cannot read the answer")?;
    let heard = String::from_utf8_lossy(&answer);
    println!("[parent {me}] a socket pair: asked `ping`, heard `{heard}` from pid {child}");
    // ANCHOR_END: pair
    waitpid(child, None).context("cannot wait for the child")?;
    Ok(())
}
