//! Two descriptors, one file: a duplicate shares the offset, a second open does not (Linux only).

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::fd::AsRawFd;
use std::{env, process};

use anyhow::{Context, Result};
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use syscalls::descriptors;

/// Reads three bytes, and writes one line about it.
fn read_three(mut file: &File) -> Result<()> {
    let mut bytes = [0; 3];
    file.read_exact(&mut bytes).context("cannot read")?;
    let text = String::from_utf8_lossy(&bytes);
    println!("[process {}] read by fd {}: {text}", process::id(), file.as_raw_fd());
    Ok(())
}

/// Writes a line for each of some files.
fn look(files: &[&File]) -> io::Result<()> {
    let table = descriptors()?;
    for file in files {
        for open in table.iter().filter(|open| open.number == file.as_raw_fd()) {
            let append = open.flags.contains(OFlag::O_APPEND);
            let (me, number, offset) = (process::id(), open.number, open.offset);
            println!("[process {me}]   fd {number}: offset {offset}, append {append}");
        }
    }
    Ok(())
}

fn main() -> Result<()> {
    let me = process::id();
    let path = env::temp_dir().join(format!("shared_offset.{me}"));
    let in_path = || format!("cannot open {}", path.display());
    File::create_new(&path)
        .and_then(|mut file| file.write_all(b"abcdefghi"))
        .with_context(in_path)?;

    // ANCHOR: share
    let opened = File::open(&path).with_context(in_path)?;
    let duplicate = opened.try_clone().context("cannot duplicate it")?;
    let again = File::open(&path).with_context(in_path)?;
    fs::remove_file(&path).context("cannot remove the file's name")?;
    println!("[process {me}] opened, duplicated, and opened again");
    look(&[&opened, &duplicate, &again])?;

    read_three(&opened)?;
    look(&[&opened, &duplicate, &again])?;

    read_three(&duplicate)?;
    read_three(&again)?;

    println!("[process {me}] set the append flag, by the duplicate");
    fcntl(&duplicate, FcntlArg::F_SETFL(OFlag::O_APPEND)).context("cannot set the flag")?;
    look(&[&opened, &duplicate, &again])?;

    println!("[process {me}] closed the first of the three");
    drop(opened);
    read_three(&duplicate)?;
    // ANCHOR_END: share
    Ok(())
}
