//! WRONG ON PURPOSE: the parent waits for the child's end, and only then reads what it writes.
//!
//! `wait_first [BYTES]`: how much the child writes; 65537 if you don't say. Ask yourself what the
//! child is waiting for. Then try one byte less. An alarm ends the wait after two seconds.

use std::io::{PipeReader, PipeWriter, Read, Write};
use std::{env, process};

use anyhow::{Context, Result, ensure};
use nix::errno::Errno;
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};
use nix::sys::wait::waitpid;
use nix::unistd::{ForkResult, alarm, fork, getpid};
use pipe::pipe;

/// Runs in the middle of anything. So: one call, which leaves errno alone. It rings again, in case
/// this time came before the wait.
extern "C" fn ring(_: libc::c_int) {
    alarm::set(1);
}

fn bytes_wanted() -> Result<usize> {
    let args: Vec<_> = env::args().skip(1).collect();
    ensure!(args.len() < 2, "usage: wait_first [BYTES]");
    match args.first().map(String::as_str) {
        Some("-h" | "--help") => {
            println!("usage: wait_first [BYTES]   (65537 if you don't say; ends by itself)");
            process::exit(0)
        }
        Some(arg) => {
            arg.parse().with_context(|| format!("BYTES must be a whole number, not `{arg}`"))
        }
        None => Ok(65537),
    }
}

fn main() -> Result<()> {
    let (bytes, me) = (bytes_wanted()?, getpid());
    // No SA_RESTART: the alarm interrupts the wait (chapter 4).
    let action = SigAction::new(SigHandler::Handler(ring), SaFlags::empty(), SigSet::empty());
    // SAFETY: `ring` does only what a handler may.
    unsafe { sigaction(Signal::SIGALRM, &action) }.context("cannot handle SIGALRM")?;

    let (read_end, write_end) = pipe().context("cannot make a pipe")?;
    // SAFETY: this program has one thread.
    let ForkResult::Parent { child } = unsafe { fork() }.context("cannot fork")? else {
        drop(read_end);
        let text = vec![b'x'; bytes];
        return PipeWriter::from(write_end).write_all(&text).context("cannot write");
    };
    drop(write_end);

    // ANCHOR: wait
    println!("[parent {me}] first I wait for pid {child}, which writes {bytes} bytes");
    alarm::set(2);
    let waited = waitpid(child, None); // ask yourself who reads while we are in here
    alarm::cancel();
    match waited {
        Err(Errno::EINTR) => println!("[parent {me}] alarm: pid {child} has not ended yet"),
        ended => {
            ended.context("cannot wait for the child")?;
            println!("[parent {me}] pid {child} has ended");
        }
    }
    // ANCHOR_END: wait

    let mut text = Vec::new();
    PipeReader::from(read_end).read_to_end(&mut text).context("cannot read")?;
    println!("[parent {me}] then I read: {} bytes", text.len());
    if waited == Err(Errno::EINTR) {
        waitpid(child, None).context("cannot wait for the child")?;
        println!("[parent {me}] now pid {child} has ended");
    }
    Ok(())
}
