//! WRONG ON PURPOSE: three workers draw "random" numbers from a generator that they inherited.
//!
//! `fork_prng [SEED]`: without SEED the kernel's own randomness is used, and it helps nobody.
//! Ask yourself what the children have that the parent had. Then move one line.

use std::env;
use std::fs::File;
use std::io::Read;

use anyhow::{Context, Result};
use fork::{spawn, wait_for};
use nix::unistd::getpid;

// ANCHOR: generator
/// SplitMix64: a whole generator in one number, which fork copies like any other.
struct Generator(u64);

impl Generator {
    fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}
// ANCHOR_END: generator

fn seed() -> Result<u64> {
    if let Some(arg) = env::args().nth(1) {
        return arg.parse().with_context(|| format!("SEED must be a whole number, not `{arg}`"));
    }
    let mut bytes = [0; 8];
    let mut random = File::open("/dev/urandom").context("cannot open /dev/urandom")?;
    random.read_exact(&mut bytes).context("cannot read /dev/urandom")?;
    Ok(u64::from_ne_bytes(bytes))
}

fn main() -> Result<()> {
    if env::args().nth(1).is_some_and(|arg| arg == "--help") {
        println!("usage: fork_prng [SEED]");
        return Ok(());
    }
    // ANCHOR: draw
    let mut generator = Generator(seed()?);
    for worker in 0..3 {
        // SAFETY: this program has one thread.
        let child = unsafe {
            spawn(|| {
                let token = generator.draw();
                println!("[worker {worker}, pid {}] session token {token:016x}", getpid());
                0
            })
        }
        .context("cannot fork")?;
        wait_for(child).context("cannot wait for the worker")?;
    }
    // ANCHOR_END: draw
    Ok(())
}
