//! The child shares the parent's open files, their offset included.
//!
//! The child writes six bytes. The parent, who wrote nothing, finds its own offset moved.

use std::fs::{self, File, OpenOptions};
use std::io::{Seek, Write};

use anyhow::{Context, Result};
use fork::{spawn, wait_for};
use nix::unistd::getpid;

fn main() -> Result<()> {
    let me = getpid();
    let path = std::env::temp_dir().join(format!("shared_offset_fork.{me}"));
    let in_path = || format!("cannot open {}", path.display());

    // ANCHOR: share
    let mut inherited =
        OpenOptions::new().write(true).create_new(true).open(&path).with_context(in_path)?;
    let mut apart = File::open(&path).with_context(in_path)?;
    fs::remove_file(&path).context("cannot remove the file's name")?;
    println!(
        "[parent {me}] opened one file twice; both offsets are {}",
        inherited.stream_position()?
    );

    // SAFETY: this program has one thread.
    let child = unsafe {
        spawn(|| match inherited.write_all(b"hello\n") {
            Ok(()) => {
                println!("[child {}] wrote 6 bytes by the first", getpid());
                0
            }
            Err(_) => 1,
        })
    }
    .context("cannot fork")?;
    let exit = wait_for(child).context("cannot wait for the child")?;

    println!("[parent {me}] the child's end: {exit}");
    println!(
        "[parent {me}] the first one's offset is {}: I never wrote",
        inherited.stream_position()?
    );
    println!(
        "[parent {me}] the second one's offset is {}: it was opened apart",
        apart.stream_position()?
    );
    // ANCHOR_END: share
    Ok(())
}
