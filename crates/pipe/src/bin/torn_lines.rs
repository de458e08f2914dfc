//! WRONG ON PURPOSE: one `writeln!` makes several writes, and another process writes in between.
//!
//! `torn_lines [--whole]`: with --whole each line is put together first, and written once. Ask
//! yourself why it matters where in the line worker 1 is held up.

use std::fmt;
use std::io::{PipeReader, PipeWriter, Read, Write};
use std::{env, process};

use anyhow::{Context, Result, bail};
use nix::sys::signal::{Signal, kill, raise};
use nix::sys::wait::{WaitPidFlag, waitpid};
use nix::unistd::{ForkResult, Pid, fork, getpid};
use pipe::pipe;

const USAGE: &str = "usage: torn_lines [--whole]   (ends by itself)";

// ANCHOR: slow
/// A word whose process stops in the middle of its line. The scheduler does that to anybody,
/// seldom and briefly; SIGSTOP does it every time, and until SIGCONT.
struct HeldUp(&'static str);

impl fmt::Display for HeldUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        raise(Signal::SIGSTOP).map_err(|_| fmt::Error)?;
        f.write_str(self.0)
    }
}
// ANCHOR_END: slow

// ANCHOR: log
fn log(mut to: &PipeWriter, worker: usize, word: impl fmt::Display, whole: bool) -> Result<()> {
    if whole {
        let line = format!("worker {worker} says {word}\n");
        to.write_all(line.as_bytes()).context("cannot log")
    } else {
        writeln!(to, "worker {worker} says {word}").context("cannot log")
    }
}
// ANCHOR_END: log

fn spawn(work: impl FnOnce() -> Result<()>) -> Result<Pid> {
    // SAFETY: this program has one thread.
    if let ForkResult::Parent { child } = unsafe { fork() }.context("cannot fork")? {
        return Ok(child);
    }
    let failed = work().inspect_err(|error| eprintln!("Error: {error:#}")).is_err();
    process::exit(failed.into())
}

fn main() -> Result<()> {
    let whole = match env::args().skip(1).collect::<Vec<_>>().as_slice() {
        [] => false,
        [arg] if arg == "--whole" => true,
        [arg] if arg == "-h" || arg == "--help" => {
            println!("{USAGE}");
            return Ok(());
        }
        _ => bail!(USAGE),
    };
    let (read_end, write_end) = pipe().context("cannot make a pipe")?;
    let to = PipeWriter::from(write_end);

    // ANCHOR: race
    let first = spawn(|| log(&to, 1, HeldUp("hello"), whole))?;
    waitpid(first, Some(WaitPidFlag::WUNTRACED)).context("cannot wait for it to stop")?;
    let second = spawn(|| log(&to, 2, "hello", whole))?;
    waitpid(second, None).context("cannot wait for worker 2")?;
    kill(first, Signal::SIGCONT).context("cannot let worker 1 go on")?;
    waitpid(first, None).context("cannot wait for worker 1")?;
    // ANCHOR_END: race

    drop(to);
    let mut text = String::new();
    PipeReader::from(read_end).read_to_string(&mut text).context("cannot read the log")?;
    for line in text.lines() {
        println!("[parent {}] in the log: {line}", getpid());
    }
    Ok(())
}
