//! WRONG ON PURPOSE: a write of more than PIPE_BUF bytes is torn in two by another process's write.
//!
//! `torn_writes [BYTES]`: the size of the big record; 4097 if you don't say. Ask yourself what the
//! kernel does with a record that finds too little room. Then try one byte less (Linux only). An
//! alarm ends it after ten seconds.

use std::fs;
use std::io::{PipeReader, Read};
use std::{env, process, thread};

use anyhow::{Context, Result, ensure};
use nix::fcntl::{FcntlArg, fcntl};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, waitpid};
use nix::unistd::{ForkResult, Pid, alarm, fork, getpid};
use pipe::pipe;
use syscalls::write_all;

fn record_size() -> Result<usize> {
    const USAGE: &str = "usage: torn_writes [BYTES]   (1000 to 60000; 4097 if you don't say)";
    let args: Vec<_> = env::args().skip(1).collect();
    let Some(arg) = args.first() else { return Ok(4097) };
    if arg == "-h" || arg == "--help" {
        println!("{USAGE}");
        process::exit(0);
    }
    let size = arg.parse().with_context(|| format!("BYTES must be a number, not `{arg}`"))?;
    ensure!(args.len() == 1 && (1000..=60000).contains(&size), USAGE);
    Ok(size)
}

fn spawn(work: impl FnOnce() -> std::io::Result<()>) -> Result<Pid> {
    // SAFETY: this program has one thread.
    if let ForkResult::Parent { child } = unsafe { fork() }.context("cannot fork")? {
        return Ok(child);
    }
    let failed = work().inspect_err(|error| eprintln!("Error: {error:#}")).is_err();
    process::exit(failed.into())
}

fn asleep(pid: Pid) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| stat.contains(") S "))
}

fn main() -> Result<()> {
    let (size, me) = (record_size()?, getpid());
    alarm::set(10); // a bound
    let (read_end, write_end) = pipe().context("cannot make a pipe")?;
    // ANCHOR: race
    // All of the pipe but 1000 bytes.
    let capacity = fcntl(&write_end, FcntlArg::F_GETPIPE_SZ).context("cannot ask its size")?;
    let before = vec![b'.'; capacity as usize - 1000];
    write_all(&write_end, &before).context("cannot write")?;

    // The big record finds too little room. Hold its writer where it waits for more.
    let big = spawn(|| write_all(&write_end, &vec![b'A'; size]))?;
    while !asleep(big) {
        thread::yield_now();
    }
    kill(big, Signal::SIGSTOP).context("cannot stop the writer")?;
    waitpid(big, Some(WaitPidFlag::WUNTRACED)).context("cannot wait for it to stop")?;

    // Make room, and let somebody else write first.
    let mut reader = PipeReader::from(read_end);
    reader.read_exact(&mut before.clone()).context("cannot read")?;
    let small = spawn(|| write_all(&write_end, b"BBB"))?;
    waitpid(small, None).context("cannot wait for the small record")?;
    kill(big, Signal::SIGCONT).context("cannot let the writer go on")?;
    // ANCHOR_END: race

    drop(write_end);
    let mut text = Vec::new();
    reader.read_to_end(&mut text).context("cannot read")?;
    println!("[parent {me}] pid {big} wrote {size} × A, pid {small} wrote 3 × B; I read:");
    for run in text.chunk_by(|a, b| a == b) {
        println!("[parent {me}] {} × {}", run.len(), char::from(run[0]));
    }
    waitpid(big, None).context("cannot wait for the big record")?;
    Ok(())
}
