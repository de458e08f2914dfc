//! WRONG ON PURPOSE: the kernel takes fewer bytes than it was offered, and nobody looks.
//!
//! A disk that is nearly full, on a small scale: for a moment, this process's files may have 1000
//! bytes and no more.
//! Ask yourself what `write` returned. Then let `syscalls::write_all` do it, and see what it says.

use std::fs::{self, OpenOptions};
use std::{env, process};

use anyhow::{Context, Result};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::{SigHandler, Signal, signal};
use nix::unistd::write;

fn main() -> Result<()> {
    let me = process::id();
    let path = env::temp_dir().join(format!("short_write.{me}"));
    let file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(&path)
        .with_context(|| format!("cannot create {}", path.display()))?;
    fs::remove_file(&path).context("cannot remove the file's name")?;

    // Who asks for more at the limit is killed by SIGXFSZ, or, ignoring that, told EFBIG.
    // SAFETY: ignoring a signal runs no code of ours.
    unsafe { signal(Signal::SIGXFSZ, SigHandler::SigIgn) }.context("cannot ignore SIGXFSZ")?;
    let (soft, hard) = getrlimit(Resource::RLIMIT_FSIZE).context("cannot ask for the limit")?;

    // ANCHOR: ignored
    let letter = [b'x'; 1500];
    println!("[process {me}] I write a letter of {} bytes", letter.len());
    setrlimit(Resource::RLIMIT_FSIZE, 1000, hard).context("cannot set the limit")?;
    write(&file, &letter).context("cannot write the letter")?;
    setrlimit(Resource::RLIMIT_FSIZE, soft, hard).context("cannot put the limit back")?;
    println!("[process {me}] done, and no error");
    // ANCHOR_END: ignored

    let length = file.metadata().context("cannot look at the file")?.len();
    println!("[process {me}] the file has {length} bytes");
    Ok(())
}
