//! What a shell does with `|`: one pipe, two forks, two dup2s, two execs.
//!
//! `shell_pipe [COMMAND ARGS… '|' COMMAND ARGS…]`: quote the bar, or your own shell takes it for
//! itself. Without arguments it runs `ls -d / /dev /tmp | wc -l`. It ends with the right command's
//! status; an alarm ends either command after a minute.

use std::env;
use std::ffi::CString;
use std::process::ExitCode;

use anyhow::{Context, Result, ensure};
use nix::sys::signal::{SigHandler, Signal, signal};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid, alarm, dup2_stdin, dup2_stdout, execvp, fork, getpid};
use pipe::pipe;

const USAGE: &str = "usage: shell_pipe [COMMAND ARGS… '|' COMMAND ARGS…]";

// ANCHOR: run
/// Runs `words` in a new process, whose standard streams `connect` has put in place.
fn run(words: &[CString], connect: impl FnOnce() -> nix::Result<()>) -> Result<Pid> {
    // SAFETY: this program has one thread.
    if let ForkResult::Parent { child } = unsafe { fork() }.context("cannot fork")? {
        return Ok(child);
    }
    alarm::set(60); // alarms outlive execve(2)
    // Ignored, as Rust has it, SIGPIPE would stay ignored in the program.
    // SAFETY: sets no handler.
    let done = unsafe { signal(Signal::SIGPIPE, SigHandler::SigDfl) };
    let Err(error) = done.and_then(|_| connect()).and_then(|()| execvp(&words[0], words));
    eprintln!("[shell {}] cannot run {}: {error}", getpid(), words[0].to_string_lossy());
    // SAFETY: takes no pointer, and does not return.
    unsafe { libc::_exit(127) }
}
// ANCHOR_END: run

/// What a shell shows in `$?`.
fn end_of(pid: Pid) -> Result<u8> {
    match waitpid(pid, None).with_context(|| format!("cannot wait for pid {pid}"))? {
        WaitStatus::Exited(_, code) => Ok(code as u8),
        WaitStatus::Signaled(_, signal, _) => Ok(128 + signal as u8),
        other => anyhow::bail!("this is no end: {other:?}"),
    }
}

fn c_words(words: &[String]) -> Result<Vec<CString>> {
    let words = words.iter().map(|word| CString::new(word.as_str()));
    words.collect::<Result<_, _>>().context("a word has a NUL in it")
}

fn main() -> Result<ExitCode> {
    let mut words: Vec<String> = env::args().skip(1).collect();
    if words.first().is_some_and(|word| word == "-h" || word == "--help") {
        println!("{USAGE}");
        return Ok(ExitCode::SUCCESS);
    }
    if words.is_empty() {
        words = "ls -d / /dev /tmp | wc -l".split(' ').map(str::to_string).collect();
    }
    let commands: Vec<&[String]> = words.split(|word| word == "|").collect();
    ensure!(commands.len() == 2 && commands.iter().all(|words| !words.is_empty()), USAGE);
    let (left, right) = (c_words(commands[0])?, c_words(commands[1])?);

    // ANCHOR: bar
    let (read_end, write_end) = pipe().context("cannot make a pipe")?;
    let writer = run(&left, || dup2_stdout(&write_end))?;
    let reader = run(&right, || dup2_stdin(&read_end))?;
    println!("[shell {}] {}: pid {writer}, stdout is the pipe", getpid(), commands[0].join(" "));
    println!("[shell {}] {}: pid {reader}, stdin is the pipe", getpid(), commands[1].join(" "));
    drop((read_end, write_end)); // else the right one would wait for what we might write

    let (left, right) = (end_of(writer)?, end_of(reader)?);
    println!("[shell {}] pid {writer} ended with {left}, pid {reader} with {right}", getpid());
    // ANCHOR_END: bar
    Ok(ExitCode::from(right))
}
