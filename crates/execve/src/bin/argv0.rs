//! What a program is called is up to its caller: `argv[0]` is a convention.
//!
//! Runs one file, its own, under four names; each time it says what it was told and what the
//! kernel says (in /proc: Linux only).

use std::{env, fs};

use anyhow::{Context, Result};
use execve::{Program, launch};
use fork::wait_for;
use nix::unistd::getpid;

// ANCHOR: told
fn say_who_i_am() -> Result<()> {
    let told = env::args().next().unwrap_or_default();
    let file = env::current_exe().context("cannot read /proc/self/exe")?;
    let file = file.file_name().unwrap_or_default().display();
    // What ps shows: the arguments, each ended by a NUL.
    let listed = fs::read_to_string("/proc/self/cmdline").context("cannot read my arguments")?;
    let listed = listed.replace('\0', " ");

    let me = getpid();
    println!("[child {me}] told `{told}`; run from the file {file}; ps shows `{listed}`");
    if told.starts_with('-') {
        println!("[child {me}] a dash in front: as a shell I would read ~/.profile first");
    }
    Ok(())
}
// ANCHOR_END: told

fn main() -> Result<()> {
    if env::args().nth(1).is_some_and(|arg| arg == "who") {
        return say_who_i_am();
    }
    let file = env::current_exe().context("cannot find my own file")?;
    // ANCHOR: names
    for name in ["argv0", "-sh", "unicorn worker[0]", ""] {
        let program = Program::new(&file).arg0(name).args(["who"]);
        // SAFETY: this program has one thread.
        let child = unsafe { launch(&program) }.context("cannot run myself")?;
        wait_for(child).context("cannot wait for myself")?;
    }
    // ANCHOR_END: names
    Ok(())
}
