//! A child that borrows its parent's memory while the parent stands still: what vfork(2) is.
//!
//! Once by fork, once by clone(2) with the two flags that make a vfork. Linux only.

use std::sync::atomic::{AtomicI32, AtomicU8, Ordering::Relaxed};

use anyhow::{Context, Result};
use fork::{spawn, wait_for};
use nix::fcntl::{OFlag, open};
use nix::sched::{CloneFlags, clone};
use nix::sys::stat::Mode;
use nix::unistd::{getpid, read};

static NUMBER: AtomicI32 = AtomicI32::new(1);
static STATE: AtomicU8 = AtomicU8::new(b'?');

// ANCHOR: child
/// The child's work. It may be in borrowed memory, so it allocates nothing, and prints nothing.
fn change(parents_stat: &str) -> u8 {
    NUMBER.store(2, Relaxed);
    let mut stat = [0; 64];
    let file = open(parents_stat, OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty());
    let read = file.and_then(|file| read(&file, &mut stat));
    // "PID (name) STATE …"
    let before = stat.windows(2).position(|two| two == b") ").map(|at| at + 2);
    if let (Ok(_), Some(at)) = (read, before) {
        STATE.store(stat[at], Relaxed);
    }
    0
}
// ANCHOR_END: child

fn main() -> Result<()> {
    let me = getpid();
    let stat = format!("/proc/{me}/stat");
    println!("[parent {me}] my number is {}", NUMBER.load(Relaxed));

    // ANCHOR: ways
    // SAFETY: this program has one thread.
    let child = unsafe { spawn(|| change(&stat)) }.context("cannot fork")?;
    wait_for(child).context("cannot wait")?;
    let number = NUMBER.load(Relaxed);
    println!("[parent {me}] pid {child}, by fork, set it to 2; mine is {number}");

    let mut stack = vec![0; 64 * 1024]; // the memory is shared, so it needs a stack of its own
    let vfork = CloneFlags::CLONE_VM | CloneFlags::CLONE_VFORK;
    let work = Box::new(|| change(&stat).into());
    // SAFETY: one thread; the stack is large enough for `change`, and we don't run while it is used.
    let child = unsafe { clone(work, &mut stack, vfork, Some(libc::SIGCHLD)) };
    let (child, number) = (child.context("cannot clone")?, NUMBER.load(Relaxed));
    println!("[parent {me}] pid {child}, by vfork, set it to 2; mine is {number}");
    println!("[parent {me}] it saw me in state {}", char::from(STATE.load(Relaxed)));
    wait_for(child).context("cannot wait")?;
    // ANCHOR_END: ways
    Ok(())
}
