//! How a shell launches an editor: fork makes a copy of the shell, and exec turns the copy into it.
//!
//! `launch_editor [PROGRAM [ARG…]]`: try it with `vi` and a file. Without PROGRAM the editor is
//! `sed`, which asks nobody anything; the text for it to edit is /proc/self/stat, the kernel's
//! account of whoever reads it (Linux only). It waits for as long as you edit.

use std::env;

use anyhow::{Context, Result};
use execve::Program;
use fork::{spawn, wait_for};
use nix::unistd::getpid;

/// Makes `4212 (sed) R …` a line of ours.
const SCRIPT: &str = r"s/^\([0-9]*\) (\(.*\)).*/[\2 \1] the same process, another program/";

fn main() -> Result<()> {
    let mut words: Vec<String> = env::args().skip(1).collect();
    if words.first().is_some_and(|word| word == "--help") {
        println!("usage: launch_editor [PROGRAM [ARG…]]");
        return Ok(());
    }
    if words.is_empty() {
        words = ["sed", SCRIPT, "/proc/self/stat"].map(String::from).to_vec();
    }
    let me = getpid();

    // ANCHOR: launch
    let name = &words[0];
    let editor = Program::new(name).args(&words[1..]);
    println!("[shell {me}] you typed `{name} …`: I fork, then I wait");

    // SAFETY: this program has one thread.
    let child = unsafe {
        spawn(|| {
            println!("[child {}] a copy of the shell, about to become {name}", getpid());
            let error = editor.exec();
            // Only a failed exec comes back.
            eprintln!("[child {}] a copy of the shell still: {error}", getpid());
            127
        })
    }
    .context("cannot fork")?;

    let exit = wait_for(child).context("cannot wait for the editor")?;
    println!("[shell {me}] pid {child} ended: {exit}; I am the shell still");
    // ANCHOR_END: launch
    Ok(())
}
