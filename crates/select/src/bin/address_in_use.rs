//! A server restarts at once and finds its own port "in use", unless SO_REUSEADDR is set.
//!
//! All is closed by then, and nobody listens. Ask yourself who uses the port still.

use std::io::Read;
use std::net::TcpStream;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use anyhow::{Context, Result};
use nix::sys::socket::{
    AddressFamily, Backlog, SockFlag, SockType, SockaddrIn, accept4, bind, getsockname, listen,
    setsockopt, socket, sockopt,
};
use nix::unistd::{alarm, getpid};
use syscalls::retry_on_eintr;

// ANCHOR: listen
fn listen_on(port: u16, reuse: bool) -> nix::Result<OwnedFd> {
    let flags = SockFlag::SOCK_CLOEXEC;
    let listener = socket(AddressFamily::Inet, SockType::Stream, flags, None)?;
    setsockopt(&listener, sockopt::ReuseAddr, &reuse)?;
    bind(listener.as_raw_fd(), &SockaddrIn::new(127, 0, 0, 1, port))?;
    listen(&listener, Backlog::new(10)?)?;
    Ok(listener)
}
// ANCHOR_END: listen

fn main() -> Result<()> {
    alarm::set(20); // a bound for all of it
    for reuse in [false, true] {
        println!("[server {}] SO_REUSEADDR is {reuse}", getpid());
        // ANCHOR: restart
        let listener = listen_on(0, reuse).context("cannot listen")?;
        let address: SockaddrIn = getsockname(listener.as_raw_fd())?;

        let mut client = TcpStream::connect(("127.0.0.1", address.port()))?;
        let fd = retry_on_eintr(|| accept4(listener.as_raw_fd(), SockFlag::SOCK_CLOEXEC))?;
        // SAFETY: it is new, so nobody else has it.
        let connection = unsafe { OwnedFd::from_raw_fd(fd) };
        drop(connection); // the server hangs up first, as HTTP servers do
        client.read_to_end(&mut Vec::new())?;
        drop((client, listener)); // everything is closed

        match listen_on(address.port(), reuse) {
            Ok(_) => println!("[server {}] … restarted: I listen there again", getpid()),
            Err(error) => println!("[server {}] … restarted: bind says {error}", getpid()),
        }
        // ANCHOR_END: restart
    }
    Ok(())
}
