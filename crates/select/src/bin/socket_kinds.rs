//! Sockets come in kinds, and are files: read and write work on all of them.
//!
//! Two writes, then one read, on a stream and on two kinds of datagram socket.

use std::fs::File;
use std::io::{Read, Seek, Write};
use std::net::UdpSocket;
use std::os::fd::OwnedFd;

use anyhow::{Context, Result};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socketpair};
use nix::unistd::{alarm, getpid};

// ANCHOR: kinds
/// Writes two times to one socket, reads once from the other; returns that one.
fn try_out(kind: &str, from: OwnedFd, to: OwnedFd) -> Result<File> {
    let (mut from, mut to) = (File::from(from), File::from(to)); // everything is a file, isn't it?
    from.write_all(b"one, ").context("cannot write")?;
    from.write_all(b"two").context("cannot write")?;
    let mut buffer = [0; 64];
    let count = to.read(&mut buffer).context("cannot read")?;
    let heard = String::from_utf8_lossy(&buffer[..count]);
    println!("[process {}] {kind}: two writes; one read gives {heard:?}", getpid());
    Ok(to)
}
// ANCHOR_END: kinds

fn main() -> Result<()> {
    alarm::set(10); // a bound: no read here has to wait
    let pair = |kind| socketpair(AddressFamily::Unix, kind, None, SockFlag::SOCK_CLOEXEC);
    let (one, other) = pair(SockType::Stream).context("cannot make a pair of sockets")?;
    let mut stream = try_out("Unix, stream", one, other)?;
    let (one, other) = pair(SockType::Datagram).context("cannot make a pair of sockets")?;
    try_out("Unix, datagram", one, other)?;

    let to = UdpSocket::bind("127.0.0.1:0").context("cannot make a UDP socket")?;
    let from = UdpSocket::bind("127.0.0.1:0").context("cannot make a UDP socket")?;
    from.connect(to.local_addr()?).context("cannot say where to send")?;
    try_out("IPv4, datagram (UDP)", from.into(), to.into())?;

    if let Err(error) = stream.rewind() {
        println!("[process {}] and to seek, as in a file: {error}", getpid());
    }
    Ok(())
}
