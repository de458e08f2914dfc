//! Two sockets at one address by SO_REUSEPORT: what waits in a queue is lost when its socket closes.
//!
//! One process plays both servers and all clients. Linux only, for TCP_INFO.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::os::fd::{AsFd, AsRawFd};

use after::listen_apart;
use anyhow::{Context, Result, bail};
use nix::errno::Errno;
use nix::unistd::{alarm, getpid};
use select::{Accepted, Address, Listener, Options};

// ANCHOR: queue
/// How many connections wait in a listener's queue: for a listener, that is what this field means.
fn waiting(listener: &Listener) -> Result<u32> {
    // SAFETY: plain data, for which all zeros is a value.
    let mut info: libc::tcp_info = unsafe { std::mem::zeroed() };
    let (fd, into) = (listener.as_fd().as_raw_fd(), (&raw mut info).cast());
    let mut size = size_of_val(&info) as libc::socklen_t;
    // SAFETY: `info` and `size` are ours; the kernel fills in no more than `size` bytes.
    let got = unsafe { libc::getsockopt(fd, libc::SOL_TCP, libc::TCP_INFO, into, &mut size) };
    Errno::result(got).context("cannot ask for TCP_INFO")?;
    Ok(info.tcpi_unacked)
}
// ANCHOR_END: queue

fn serve(listener: &Listener) -> Result<()> {
    while let Accepted::Connection(client) = listener.accept().context("cannot accept")? {
        TcpStream::from(client).write_all(b"hello").context("cannot answer")?;
    }
    Ok(())
}

/// How many were answered, and how many were reset.
fn hear(clients: Vec<TcpStream>) -> Result<(usize, usize)> {
    let mut heard = (0, 0);
    for mut client in clients {
        match client.read_exact(&mut [0; 5]) {
            Err(error) if error.kind() == ErrorKind::ConnectionReset => heard.1 += 1,
            answered => heard.0 += answered.map(|()| 1).context("cannot read")?,
        }
    }
    Ok(heard)
}

fn main() -> Result<()> {
    let me = getpid();
    alarm::set(30); // a bound for all of it
    // ANCHOR: drop
    let one = listen_apart("127.0.0.1:0".parse()?).context("cannot listen")?;
    let Address::Tcp(address) = one.address() else { bail!("no TCP address") };
    let two = listen_apart(*address).context("cannot listen there again")?;
    let mut clients = Vec::new();
    while waiting(&two)? < 4 {
        clients.push(TcpStream::connect(address).context("cannot connect")?);
        while waiting(&one)? + waiting(&two)? < clients.len() as u32 {} // until it is in a queue
    }
    println!("[server {me}] apart: the second queue has got 4, the first the rest");
    drop(two);
    serve(&one)?;
    let (_, reset) = hear(clients)?;
    println!("[server {me}] the second is closed: {reset} reset, the rest answered");
    // ANCHOR_END: drop

    // ANCHOR: shared
    let one = Listener::bind(&"127.0.0.1:0".parse()?, Options::default())?;
    let two = Listener::from_fd(one.as_fd().try_clone_to_owned()?)?; // as a fork would do
    let connect = |_| one.address().connect().map(TcpStream::from);
    let clients = (0..8).map(connect).collect::<Result<_, _>>()?;
    while waiting(&one)? < 8 {} // as above
    println!("[server {me}] shared: one queue, by two descriptors, has got 8");
    drop(two);
    serve(&one)?;
    let (answered, reset) = hear(clients)?;
    println!("[server {me}] the second is closed: {reset} reset, {answered} answered");
    // ANCHOR_END: shared
    Ok(())
}
