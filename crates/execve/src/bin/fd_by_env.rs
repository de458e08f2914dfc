//! A server hands its listening socket to its successor: by number, in the environment.
//!
//! A client has connected already, and nobody has accepted it yet. It must not notice.
//! Loopback only; ends by itself, after ten seconds at the latest.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::time::Duration;
use std::{env, io};

use anyhow::{Context, Result};
use execve::{Origin, inherited, reexec};
use fork::wait_for;
use nix::unistd::{alarm, getpid};

// ANCHOR: old
fn old(origin: &Origin) -> Result<()> {
    let me = getpid();
    let listener = TcpListener::bind("127.0.0.1:0").context("cannot listen")?;
    println!("[old {me}] descriptor {} listens", listener.as_raw_fd());

    let address = listener.local_addr().context("cannot read my own address")?;
    let mut client = TcpStream::connect(address).context("cannot connect")?;
    client.set_read_timeout(Some(Duration::from_secs(10))).context("cannot set a timeout")?;
    println!("[client {me}] connected; nobody has accepted me yet");

    // SAFETY: this program has one thread.
    let new = unsafe { reexec(origin, &[listener.as_fd()]) }.context("cannot run my successor")?;
    drop(listener); // my number for the socket; the new one has its own

    let mut answer = String::new();
    client.read_to_string(&mut answer).context("cannot read the answer")?;
    println!("[client {me}] {answer}");
    let exit = wait_for(new).context("cannot wait for my successor")?;
    println!("[old {me}] my successor, pid {new}, ended: {exit}");
    Ok(())
}
// ANCHOR_END: old

// ANCHOR: new
fn new(listener: OwnedFd, told: &str) -> Result<()> {
    let me = getpid();
    println!("[new {me}] UNICORN_FD={told}: I neither bind nor listen");
    println!("[new {me}] left for whom I run: UNICORN_FD={:?}", env::var_os("UNICORN_FD"));

    let listener = TcpListener::from(listener);
    let (mut connection, _) = listener.accept().context("cannot accept")?;
    println!("[new {me}] accepted the client that the old one had not");
    write!(connection, "answered by pid {me}").context("cannot answer")
}
// ANCHOR_END: new

fn main() -> Result<()> {
    alarm::set(10);
    // ANCHOR: main
    let origin = Origin::now().context("cannot tell how I was started")?;
    let told = env::var("UNICORN_FD").unwrap_or_default();
    // SAFETY: this program has one thread, and has opened nothing yet.
    let listeners: io::Result<Vec<OwnedFd>> = unsafe { inherited() };
    match listeners.context("cannot take over the listeners")?.pop() {
        None => old(&origin),
        Some(listener) => new(listener, &told),
    }
    // ANCHOR_END: main
}
