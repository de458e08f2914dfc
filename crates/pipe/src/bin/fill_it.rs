//! A pipe holds so much and no more; then its writer waits for its reader.
//!
//! `fill_it [CHUNK]`: how many bytes to a write while it fills the pipe; 4096 if you don't say.
//! The numbers are Linux's (F_GETPIPE_SZ).

use std::io::{PipeReader, Read};
use std::{env, process};

use anyhow::{Context, Result, ensure};
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::wait::waitpid;
use nix::unistd::{ForkResult, fork, getpid, read, write};
use pipe::{nonblocking_pipe, pipe};

fn chunk_wanted() -> Result<usize> {
    const USAGE: &str = "usage: fill_it [CHUNK]   (bytes to a write, 1 to 65536)";
    let args: Vec<_> = env::args().skip(1).collect();
    let Some(arg) = args.first() else { return Ok(4096) };
    if arg == "-h" || arg == "--help" {
        println!("{USAGE}");
        process::exit(0);
    }
    let chunk = arg.parse().with_context(|| format!("CHUNK must be a number, not `{arg}`"))?;
    ensure!(args.len() == 1 && (1..=65536).contains(&chunk), USAGE);
    Ok(chunk)
}

fn main() -> Result<()> {
    let (chunk, me) = (vec![b'x'; chunk_wanted()?], getpid());
    // ANCHOR: fill
    let (read_end, write_end) = nonblocking_pipe().context("cannot make a pipe")?;
    let capacity = fcntl(&write_end, FcntlArg::F_GETPIPE_SZ).context("cannot ask its size")?;
    println!("[writer {me}] F_GETPIPE_SZ says: {capacity} bytes");

    let mut taken = 0;
    let refusal = loop {
        match write(&write_end, &chunk) {
            Ok(count) => taken += count,
            Err(error) => break error,
        }
    };
    println!("[writer {me}] wrote {taken} bytes, {} at a time; then {refusal}", chunk.len());
    // ANCHOR_END: fill

    // ANCHOR: page
    for count in [1, 4095] {
        read(&read_end, &mut vec![0; count]).context("cannot read")?;
        let again = match write(&write_end, b"x") {
            Ok(_) => "taken".to_string(),
            Err(Errno::EAGAIN) => "still no room".to_string(),
            Err(error) => error.to_string(),
        };
        println!("[writer {me}] somebody reads {count}, I write 1: {again}");
    }
    // ANCHOR_END: page

    // ANCHOR: pressure
    while write(&write_end, b"x").is_ok() {} // full again, to the last byte
    fcntl(&write_end, FcntlArg::F_SETFL(OFlag::empty())).context("cannot drop O_NONBLOCK")?;
    let (gate, latch) = pipe().context("cannot make a pipe")?;
    // SAFETY: this program has one thread.
    let ForkResult::Parent { child } = unsafe { fork() }.context("cannot fork")? else {
        println!("[child {}] no EAGAIN any more: my write waits for room", getpid());
        drop(latch); // the last one but the parent's, which is closed: its read ends
        write(&write_end, b"x").context("cannot write")?;
        println!("[child {}] written", getpid());
        return Ok(());
    };
    drop(latch);
    PipeReader::from(gate).read_to_end(&mut Vec::new()).context("cannot wait for the child")?;
    println!("[parent {me}] I read one page, 4096 bytes");
    read(&read_end, &mut [0; 4096]).context("cannot read")?;
    waitpid(child, None).context("cannot wait for the child")?;
    // ANCHOR_END: pressure
    Ok(())
}
