//! Standard output is only number 1: dup2(2) lets it lead elsewhere, which is what `>` does.

use std::fs::{self, OpenOptions};
use std::io::{self, Read, Seek};
use std::os::fd::AsFd;
use std::{env, process};

use anyhow::{Context, Result};
use nix::unistd::dup2_stdout;

fn main() -> Result<()> {
    let me = process::id();
    let path = env::temp_dir().join(format!("redirect.{me}"));
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create_new(true)
        .open(&path)
        .with_context(|| format!("cannot create {}", path.display()))?;
    fs::remove_file(&path).context("cannot remove the file's name")?;

    // ANCHOR: redirect
    println!("[process {me}] number 1 leads to you");
    let you = io::stdout().as_fd().try_clone_to_owned().context("cannot duplicate 1")?;

    dup2_stdout(&file).context("cannot redirect 1 to the file")?;
    println!("number 1 leads to the file");

    dup2_stdout(&you).context("cannot redirect 1 to you")?;
    println!("[process {me}] number 1 leads to you again");
    // ANCHOR_END: redirect

    let mut text = String::new();
    file.rewind().context("cannot go to the file's start")?;
    file.read_to_string(&mut text).context("cannot read the file")?;
    println!("[process {me}] the file got: {}", text.trim_end());
    Ok(())
}
