//! A parent dies before its child: who is the child's parent then?
//!
//! Twice: once as the system has it, and once with this program as the one who adopts (Linux only).

use std::io::{self, Read};

use anyhow::{Context, Result};
use fork::{spawn, wait_for};
use nix::sys::prctl;
use nix::sys::wait::wait;
use nix::unistd::{getpid, getppid};

/// Makes a parent that makes a child and dies; returns once the child has said what it saw.
fn make_an_orphan() -> Result<()> {
    // Who reads from a pipe learns when its last writer is gone (chapter 2). By one pipe we hold
    // the child back until its parent is dead. The other tells us that the child has ended, whom
    // we can't wait for: it is not our child.
    let (mut gate, latch) = io::pipe().context("cannot make a pipe")?;
    let (mut life, alive) = io::pipe().context("cannot make a pipe")?;
    let mut latch = Some(latch);

    // ANCHOR: orphan
    let mut be_a_child = |parent| {
        latch.take(); // else the child would hold itself back
        let waited = gate.read(&mut [0]);
        println!("[child {}] made by pid {parent}; my parent is pid {}", getpid(), getppid());
        u8::from(waited.is_err())
    };
    let be_a_parent = || {
        let me = getpid();
        // SAFETY: one thread: this is the copy that the fork below makes.
        let child = unsafe { spawn(|| be_a_child(me)) };
        u8::from(child.is_err()) // and gone, without waiting for the child
    };
    // SAFETY: this program has one thread.
    let parent = unsafe { spawn(be_a_parent) }.context("cannot fork")?;

    drop(alive);
    wait_for(parent).context("cannot wait for the parent")?;
    latch.take();
    life.read_to_end(&mut Vec::new()).context("cannot wait for the child's end")?;
    // ANCHOR_END: orphan
    Ok(())
}

fn main() -> Result<()> {
    let me = getpid();
    println!("[grandparent {me}] as the system has it:");
    make_an_orphan()?;

    // ANCHOR: subreaper
    println!("[grandparent {me}] and with me as a subreaper:");
    prctl::set_child_subreaper(true).context("cannot become a subreaper")?;
    make_an_orphan()?;
    let adopted = wait().context("cannot wait for the orphan")?.pid();
    println!("[grandparent {me}] I could wait for my grandchild: pid {}", adopted.unwrap_or(me));
    // ANCHOR_END: subreaper
    Ok(())
}
