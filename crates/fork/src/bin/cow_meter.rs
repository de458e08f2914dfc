//! The child is not a copy until somebody writes: copy-on-write, measured.
//!
//! A child inherits 64 MiB, reads all of it, then writes to half. After each step it asks
//! `/proc/self/smaps` how much of that is its own, and how much it shares (Linux only).

use std::fs;
use std::hint::black_box;

use anyhow::{Context, Result};
use fork::{spawn, wait_for};
use nix::sys::prctl;
use nix::unistd::getpid;

const MIB: usize = 1 << 20;
const SIZE: usize = 64 * MIB;
const PAGE: usize = 4096;

// ANCHOR: meter
/// Writes one line: how much of `memory` is this process's own, and how much it shares.
fn report(when: &str, memory: &[u8]) -> Result<()> {
    let smaps = fs::read_to_string("/proc/self/smaps").context("cannot read /proc/self/smaps")?;
    let address = memory.as_ptr() as usize;
    let holds_memory = |line: &&str| {
        let range = line.split(' ').next().and_then(|range| range.split_once('-'));
        let hex = |text| usize::from_str_radix(text, 16).unwrap_or(0);
        range.is_some_and(|(start, end)| (hex(start)..hex(end)).contains(&address))
    };
    let mib = |field| -> Option<usize> {
        let mut lines = smaps.lines().skip_while(|line| !holds_memory(line));
        let line = lines.find(|line| line.starts_with(field))?;
        let kib: usize = line.split_whitespace().nth(1)?.parse().ok()?;
        Some((kib + 512) / 1024)
    };
    let own = mib("Private_Dirty:").context("no Private_Dirty in /proc/self/smaps")?;
    let shared = mib("Shared_Dirty:").context("no Shared_Dirty in /proc/self/smaps")?;
    println!("[child {}] {when}: {own} MiB my own, {shared} MiB shared", getpid());
    Ok(())
}
// ANCHOR_END: meter

// ANCHOR: touch
fn touch(memory: &mut [u8]) -> Result<()> {
    report("just forked", memory)?;

    let sum: u64 = memory.iter().step_by(PAGE).map(|&byte| u64::from(byte)).sum();
    black_box(sum);
    report("after reading every page", memory)?;

    let half = memory.len() / 2;
    for byte in memory[..half].iter_mut().step_by(PAGE) {
        *byte += 1;
    }
    report("after writing to every page of one half", memory)
}
// ANCHOR_END: touch

fn main() -> Result<()> {
    // Huge pages would be counted, and copied, 2 MiB at a time.
    prctl::set_thp_disable(true).context("cannot turn off huge pages")?;
    let mut memory = vec![1u8; SIZE];
    println!("[parent {}] wrote to all of {} MiB, and forks", getpid(), SIZE / MIB);

    // SAFETY: this program has one thread.
    let child = unsafe {
        spawn(|| match touch(&mut memory) {
            Ok(()) => 0,
            Err(error) => {
                eprintln!("Error: {error:#}");
                1
            }
        })
    }
    .context("cannot fork")?;
    let exit = wait_for(child).context("cannot wait for the child")?;
    println!("[parent {}] my first byte is still {}; the child's end: {exit}", getpid(), memory[0]);
    Ok(())
}
