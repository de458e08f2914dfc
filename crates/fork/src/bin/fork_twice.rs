//! One process calls fork(2), and two come back from it.
//!
//! `fork_twice [SECONDS]`: the child stays for SECONDS (0 if you don't say), which gives you time
//! to look at the two with `ps` or `pstree` in another terminal.

use std::time::Duration;
use std::{env, thread};

use anyhow::{Context, Result};
use nix::sys::wait::waitpid;
use nix::unistd::{ForkResult, fork, getpid, getppid};

fn main() -> Result<()> {
    let stay = match env::args().nth(1) {
        Some(arg) if arg == "--help" => {
            println!("usage: fork_twice [SECONDS]");
            return Ok(());
        }
        Some(arg) => {
            arg.parse().with_context(|| format!("SECONDS must be a whole number, not `{arg}`"))?
        }
        None => 0,
    };

    // ANCHOR: split
    println!("[parent {}] about to fork: there is one of me", getpid());

    // SAFETY: this program has one thread.
    match unsafe { fork() }.context("cannot fork")? {
        ForkResult::Child => {
            println!("[child {}] fork returned 0, so I am the child", getpid());
            println!("[child {}] my parent is pid {}", getpid(), getppid());
            thread::sleep(Duration::from_secs(stay));
        }
        ForkResult::Parent { child } => {
            waitpid(child, None).context("cannot wait for the child")?;
            println!("[parent {}] fork returned {child}, so I am the parent", getpid());
        }
    }

    println!("[pid {}] and this line, after the match, runs in both", getpid());
    // ANCHOR_END: split
    Ok(())
}
