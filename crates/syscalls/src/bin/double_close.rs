//! WRONG ON PURPOSE: a number is closed twice, and the second close hits somebody else's file.
//!
//! Ask yourself whose number it is at the second close. Then ask who should own it.

use std::fs::{self, File};
use std::io::Read;
use std::os::fd::{AsRawFd, IntoRawFd};
use std::os::unix::net::UnixStream;
use std::{env, process};

use anyhow::{Context, Result};
use nix::errno::Errno;
use nix::unistd::close;

fn main() -> Result<()> {
    let me = process::id();
    let path = env::temp_dir().join(format!("double_close.{me}"));

    // ANCHOR: twice
    // As in C: each is a plain number, and who owns it is in the programmer's head.
    let log = File::open("/dev/null").context("cannot open the log")?.into_raw_fd();
    println!("[process {me}] the log is fd {log}; I am done with it, and close it");
    close(log).context("cannot close the log")?;

    let secrets = File::create_new(&path).context("cannot create the file")?.into_raw_fd();
    println!("[process {me}] the file for secrets is fd {secrets}");

    let answer = close(log);
    println!("[process {me}] I close the log once more, to be sure: {answer:?}");

    let (ours, mut customer) = UnixStream::pair().context("cannot make a connection")?;
    println!("[process {me}] a customer connects, by fd {}", ours.as_raw_fd());

    let secret = b"the secret";
    // SAFETY: `secret` is there, and that long.
    let answer = unsafe { libc::write(secrets, secret.as_ptr().cast(), secret.len()) };
    Errno::result(answer).context("cannot write the secret")?;
    println!("[process {me}] I write the secret into the file, fd {secrets}");
    // ANCHOR_END: twice
    drop(ours);

    let in_file = fs::read_to_string(&path).context("cannot read the file")?;
    fs::remove_file(&path).context("cannot remove the file")?;
    let mut received = String::new();
    customer.read_to_string(&mut received).context("cannot read from the connection")?;
    println!("[process {me}] the file has: {in_file:?}");
    println!("[process {me}] the customer received: {received:?}");
    Ok(())
}
