//! Connections are made without accept(2), until the queue of the listener is full.
//!
//! One process listens and connects, and accepts only at the end. Takes about a second, in which
//! the kernel tries again; gives up after 30.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::{AsFd, AsRawFd};

use anyhow::{Context, Result, bail};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, poll};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, SockaddrStorage, connect, socket};
use nix::unistd::{alarm, getpid};
use select::{Accepted, Address, Listener, Options};

fn main() -> Result<()> {
    alarm::set(30);
    let me = getpid();
    // ANCHOR: queue
    let listener =
        Listener::bind(&"127.0.0.1:0".parse()?, Options { backlog: 2, ..Options::default() })?;
    let &Address::Tcp(address) = listener.address() else { bail!("not TCP") };
    println!("[process {me}] I listen, with a backlog of 2, and do not accept");

    let mut clients = Vec::new();
    for number in 1..=3 {
        clients.push(TcpStream::connect(address).context("cannot connect")?);
        println!("[process {me}] connection {number} is made");
    }
    clients[0].write_all(b"hello").context("cannot write")?;
    println!("[process {me}] I wrote \"hello\" into the first, and nobody has accepted it");

    let fourth = start_to_connect(address)?;
    let mut made = [PollFd::new(fourth.as_fd(), PollFlags::POLLOUT)];
    match poll(&mut made, 100u16).context("cannot poll")? {
        0 => println!("[process {me}] connection 4 is not made: the queue is full"),
        _ => println!("[process {me}] connection 4 is made as well?"),
    }
    // ANCHOR_END: queue

    // ANCHOR: room
    let Accepted::Connection(first) = listener.accept().context("cannot accept")? else {
        bail!("three wait, and accept finds nobody")
    };
    let mut heard = [0; 5];
    TcpStream::from(first).read_exact(&mut heard).context("cannot read")?;
    println!("[process {me}] accept: the first says {:?}", String::from_utf8_lossy(&heard));

    poll(&mut made, 20_000u16).context("cannot poll")?;
    match fourth.take_error().context("cannot ask about connection 4")? {
        None if made[0].any() == Some(true) => {
            println!("[process {me}] connection 4 is made, now that there is room")
        }
        outcome => bail!("connection 4 failed: {outcome:?}"),
    }
    // ANCHOR_END: room
    Ok(())
}

/// Begins a connection without waiting for it: connect(2) on a non-blocking socket.
fn start_to_connect(address: SocketAddr) -> Result<TcpStream> {
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let socket = socket(AddressFamily::Inet, SockType::Stream, flags, None)?;
    match connect(socket.as_raw_fd(), &SockaddrStorage::from(address)) {
        Ok(()) | Err(Errno::EINPROGRESS) => Ok(socket.into()),
        Err(error) => Err(error).context("cannot begin to connect"),
    }
}
