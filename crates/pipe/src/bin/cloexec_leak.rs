//! WRONG ON PURPOSE: a pipe without close-on-exec turns up in a program that nobody gave it to.
//!
//! Ask yourself what happens if another thread starts a program between `pipe` and `fcntl`. Here
//! that moment lasts as long as we like (Linux only, for /proc/self/fd).

use std::os::fd::{AsFd, AsRawFd};
use std::process::Command;
use std::{env, fs, io};

use anyhow::{Context, Result, ensure};
use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::unistd::getpid;
use syscalls::descriptors;

/// The other program: says which of its descriptors lead to `pipe`, a name like `pipe:[12345]`.
fn look(pipe: &str) -> Result<()> {
    let all = descriptors().context("cannot list my descriptors")?;
    let of_it = all.iter().filter(|found| found.leads_to.as_os_str() == pipe);
    let found: Vec<_> = of_it.map(|found| format!("fd {}", found.number)).collect();
    let found = if found.is_empty() { "nothing".to_string() } else { found.join(", ") };
    println!("[program {}] of that pipe I hold: {found}", getpid());
    Ok(())
}

fn start_a_program(pipe: &str) -> Result<()> {
    let mut program = Command::new("/proc/self/exe");
    let status = program.args(["look", pipe]).status().context("cannot start the program")?;
    ensure!(status.success(), "the program failed: {status}");
    Ok(())
}

fn say(made_by: &str, ends: [&dyn AsFd; 2]) -> Result<()> {
    let mut flags = Vec::new();
    for end in ends {
        let set = fcntl(end.as_fd(), FcntlArg::F_GETFD).context("cannot read the flags")?;
        let closes = FdFlag::from_bits_retain(set).contains(FdFlag::FD_CLOEXEC);
        let fd = end.as_fd().as_raw_fd();
        flags.push(format!("fd {fd} {}", if closes { "closes" } else { "stays open" }));
    }
    println!("[parent {}] {made_by}: at exec, {}", getpid(), flags.join(", "));
    Ok(())
}

fn main() -> Result<()> {
    if let [_, look_at, pipe] = env::args().collect::<Vec<_>>().as_slice() {
        ensure!(look_at == "look", "usage: cloexec_leak");
        return look(pipe);
    }
    // ANCHOR: leak
    let (r, w) = nix::unistd::pipe().context("cannot make a pipe")?;
    say("nix's pipe()", [&r, &w])?;
    let name = fs::read_link(format!("/proc/self/fd/{}", r.as_raw_fd()));
    let name = name.context("cannot read /proc/self/fd")?.display().to_string();
    start_a_program(&name)?; // between two lines of ours: just as a thread might do it

    for end in [&r, &w] {
        fcntl(end, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC)).context("cannot set the flag")?;
    }
    say("the same, after fcntl()", [&r, &w])?;
    start_a_program(&name)?;
    // ANCHOR_END: leak

    let (r, w) = io::pipe().context("cannot make a pipe")?;
    say("std's io::pipe()", [&r, &w])?;
    let (r, w) = pipe::pipe().context("cannot make a pipe")?;
    say("this chapter's pipe()", [&r, &w])
}
