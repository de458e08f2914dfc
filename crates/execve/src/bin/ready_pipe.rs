//! A new program says that it is ready by one byte; end of file without it means that it failed.
//!
//! An old server starts a new one, twice: the second has a broken configuration. Ends by itself,
//! after ten seconds at the latest.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, AsRawFd, FromRawFd};
use std::{env, process};

use anyhow::{Context, Result, bail};
use execve::{Program, launch};
use fork::wait_for;
use nix::unistd::{Pid, alarm, getpid};

// ANCHOR: start
/// Starts a new server with this configuration; `true` once it has said that it is ready.
fn start(configuration: &str) -> Result<(Pid, bool)> {
    let (mut ready, say_ready) = io::pipe().context("cannot make a pipe")?;
    let new = Program::new(env::current_exe().context("cannot find my own file")?)
        .args([configuration])
        .env("READY_FD", say_ready.as_raw_fd().to_string())
        .keep(say_ready.as_fd());
    // SAFETY: this program has one thread.
    let pid = unsafe { launch(&new) }.context("cannot run the new server")?;
    drop(new);
    drop(say_ready); // else end of file would never come: we could still write ourselves

    let count = ready.read(&mut [0]).context("cannot wait for the new server")?;
    Ok((pid, count == 1))
}
// ANCHOR_END: start

fn old() -> Result<()> {
    let me = getpid();
    for configuration in ["good", "broken"] {
        println!("[old {me}] starting a new server; its configuration is {configuration}");
        let (new, ready) = start(configuration)?;
        match ready {
            true => println!("[old {me}] a byte: pid {new} is ready, and I could leave"),
            false => println!("[old {me}] end of file and no byte: I stay"),
        }
        let exit = wait_for(new).context("cannot wait for the new server")?;
        println!("[old {me}] pid {new} ended: {exit}");
    }
    Ok(())
}

// ANCHOR: new
fn new(configuration: &str, number: &str) -> Result<()> {
    let number: i32 = number.parse().context("READY_FD must be a number")?;
    // SAFETY: whoever set READY_FD left this descriptor open for us, and we have opened none.
    let mut say_ready = unsafe { File::from_raw_fd(number) };
    println!("[new {}] alive; that is not ready yet", getpid());
    if configuration != "good" {
        process::exit(1); // the kernel closes the pipe: nobody has to remember to say so
    }
    println!("[new {}] I listen, and my workers run: ready", getpid());
    say_ready.write_all(b"!").context("cannot say that I am ready")
}
// ANCHOR_END: new

fn main() -> Result<()> {
    alarm::set(10);
    match (env::args().nth(1), env::var("READY_FD")) {
        (None, Err(_)) => old(),
        (Some(configuration), Ok(number)) => new(&configuration, &number),
        _ => bail!("it takes no arguments, but from itself"),
    }
}
