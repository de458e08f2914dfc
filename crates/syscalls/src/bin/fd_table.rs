//! A descriptor is a number, the lowest that is free in this process's own table (Linux only).
//!
//! Compare `ls -l /proc/$$/fd`, your shell's table, and `ls -l /proc/self/fd`, that of `ls` itself.

use std::fs::{File, OpenOptions};

use anyhow::{Context, Result};
use nix::unistd::getpid;
use syscalls::descriptors;

fn main() -> Result<()> {
    let me = getpid();
    let table = || descriptors().context("cannot read the table");
    let inherited: Vec<_> = table()?.iter().map(|descriptor| descriptor.number).collect();
    // A careless parent may have left us more than these three.
    let standard: Vec<_> = inherited.iter().filter(|&&number| number <= 2).collect();
    println!("[process {me}] I came with {standard:?}, and open three files");
    let tell = || -> Result<()> {
        for descriptor in table()?.iter().filter(|open| !inherited.contains(&open.number)) {
            println!("[process {me}]   {descriptor}");
        }
        Ok(())
    };

    // ANCHOR: table
    let _null = OpenOptions::new().write(true).open("/dev/null").context("cannot open it")?;
    let root = File::open("/").context("cannot open /")?;
    let _zero = File::open("/dev/zero").context("cannot open /dev/zero")?;
    tell()?;

    drop(root);
    println!("[process {me}] I close the second");
    tell()?;

    let _version = File::open("/proc/version").context("cannot open /proc/version")?;
    println!("[process {me}] I open a fourth, which gets the second's number");
    tell()?;
    // ANCHOR_END: table
    Ok(())
}
