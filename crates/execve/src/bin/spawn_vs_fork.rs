//! What fork costs a big process, counted in page faults, and how posix_spawn(3) gets around it.
//!
//! A process with 64 MiB runs `true` in three ways. After each it writes to all of its memory
//! again: how many pages did the kernel have to deal with?

use std::os::unix::process::CommandExt;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use execve::{Program, launch};
use fork::wait_for;
use nix::sys::prctl;
use nix::sys::resource::{UsageWho, getrusage};
use nix::unistd::getpid;

const PAGE: usize = 4096;
const PAGES: usize = 16 * 1024;

// ANCHOR: count
/// Runs something, then writes to every page; returns how many in a hundred writes fell into the kernel.
fn faults_after(memory: &mut [u8], run: impl FnOnce() -> Result<()>) -> Result<usize> {
    run()?;
    let before = getrusage(UsageWho::RUSAGE_SELF).context("cannot ask for my usage")?;
    for byte in memory.iter_mut().step_by(PAGE) {
        *byte = byte.wrapping_add(1);
    }
    let after = getrusage(UsageWho::RUSAGE_SELF).context("cannot ask for my usage")?;
    let faults = after.minor_page_faults() - before.minor_page_faults();
    Ok(faults as usize * 100 / PAGES)
}
// ANCHOR_END: count

fn by(mut command: Command) -> Result<()> {
    ensure!(command.status().context("cannot run true")?.success(), "true is false");
    Ok(())
}

fn main() -> Result<()> {
    let me = getpid();
    // Huge pages would fault 2 MiB at a time.
    prctl::set_thp_disable(true).context("cannot turn off huge pages")?;
    let mut memory = vec![1u8; PAGES * PAGE];
    println!("[parent {me}] {PAGES} pages, all of them written to; then I run `true` by");

    // ANCHOR: ways
    let faults = faults_after(&mut memory, || {
        // SAFETY: this program has one thread.
        let child = unsafe { launch(&Program::new("true")) }.context("cannot run true")?;
        wait_for(child).context("cannot wait for true")?;
        Ok(())
    })?;
    println!("[parent {me}] fork and exec: of my next writes, {faults}% fell into the kernel");

    let faults = faults_after(&mut memory, || by(Command::new("true")))?;
    println!("[parent {me}] std's Command: of my next writes, {faults}% fell into the kernel");

    let mut with_hook = Command::new("true");
    // SAFETY: it does nothing, which is always allowed between fork and exec.
    unsafe { with_hook.pre_exec(|| Ok(())) };
    let faults = faults_after(&mut memory, || by(with_hook))?;
    println!("[parent {me}] Command with a pre_exec: of my next writes, {faults}% fell in");
    // ANCHOR_END: ways
    Ok(())
}
