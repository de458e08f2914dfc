//! The life of a server's socket: socket, bind, listen, accept; then read and write.
//!
//! The client is a child of the server. It says hello, closes its half, and hears it back.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddrV4, TcpStream};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use anyhow::{Context, Result};
use nix::sys::socket::{
    AddressFamily, Backlog, SockFlag, SockProtocol, SockType, SockaddrIn, accept4, bind,
    getsockname, listen, socket,
};
use nix::sys::wait::waitpid;
use nix::unistd::{ForkResult, alarm, fork, getpid};
use syscalls::{retry_on_eintr, write_all};

// ANCHOR: client
fn client(server: SocketAddrV4) -> Result<()> {
    let mut connection = TcpStream::connect(server).context("cannot connect")?;
    connection.write_all(b"hello").context("cannot say hello")?;
    connection.shutdown(Shutdown::Write).context("cannot close my half")?;
    let mut heard = String::new();
    connection.read_to_string(&mut heard).context("cannot read")?;
    println!("[client {}] I said hello, and heard {heard:?}", getpid());
    Ok(())
}
// ANCHOR_END: client

fn main() -> Result<()> {
    alarm::set(20); // a bound for all of it
    let me = getpid();
    // ANCHOR: server
    let (kind, flags) = (SockType::Stream, SockFlag::SOCK_CLOEXEC);
    let listener = socket(AddressFamily::Inet, kind, flags, SockProtocol::Tcp).context("socket")?;
    println!("[server {me}] socket: fd {}; it has no address yet", listener.as_raw_fd());

    let anywhere = SockaddrIn::new(127, 0, 0, 1, 0); // port 0: the kernel chooses
    bind(listener.as_raw_fd(), &anywhere).context("bind")?;
    let address: SockaddrIn = getsockname(listener.as_raw_fd()).context("getsockname")?;
    println!("[server {me}] bind: its address is 127.0.0.1, and a port that was free");

    listen(&listener, Backlog::new(10)?).context("listen")?;
    println!("[server {me}] listen: from now on the kernel takes connections for me");

    // SAFETY: this program has one thread.
    let ForkResult::Parent { child } = unsafe { fork() }.context("cannot fork")? else {
        alarm::set(20); // an alarm is not inherited
        return client(address.into());
    };

    let fd = retry_on_eintr(|| accept4(listener.as_raw_fd(), flags)).context("accept")?;
    // SAFETY: it is new, so nobody else has it.
    let connection = unsafe { OwnedFd::from_raw_fd(fd) };
    println!("[server {me}] accept: fd {fd}, for this one client");

    let mut buffer = [0; 512];
    loop {
        let count =
            retry_on_eintr(|| nix::unistd::read(&connection, &mut buffer)).context("read")?;
        println!("[server {me}] read: {count} bytes");
        if count == 0 {
            break; // the client has closed its half; ours is still open
        }
        write_all(&connection, &buffer[..count]).context("write")?;
    }
    drop(connection);
    // ANCHOR_END: server
    waitpid(child, None).context("cannot wait for the client")?;
    Ok(())
}
