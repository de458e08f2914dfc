//! The server of `epoll_echo`: a list in the kernel, a table here, and one turn of the loop.

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context, Result};
use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use select::{Accepted, Listener};

/// A client, and what it said that has not been said back yet: never more than one buffer full.
struct Client {
    stream: TcpStream,
    unsent: Vec<u8>,
    waits_for: EpollFlags,
}

// ANCHOR: client
impl Client {
    /// One read and one write, as far as they go. Returns what to wait for next; `None` when the
    /// client has hung up, and has heard everything.
    fn turn(&mut self) -> std::io::Result<Option<EpollFlags>> {
        if self.unsent.is_empty() {
            let mut bytes = [0; 4096];
            match self.stream.read(&mut bytes) {
                Ok(0) => return Ok(None),
                Ok(count) => self.unsent.extend_from_slice(&bytes[..count]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
        match self.stream.write(&self.unsent) {
            Ok(count) => drop(self.unsent.drain(..count)), // it may take less than it is offered
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
        // Who doesn't listen isn't listened to: its own writes will have to wait.
        let listening = self.unsent.is_empty();
        Ok(Some(if listening { EpollFlags::EPOLLIN } else { EpollFlags::EPOLLOUT }))
    }
}
// ANCHOR_END: client

const LISTENER: u64 = 0;

/// The server's state: who is here, and who was.
pub(crate) struct Server<'a> {
    listener: &'a Listener,
    epoll: Epoll,
    clients: BTreeMap<u64, Client>,
    last: u64,
    pub(crate) served: usize,
    pub(crate) most: usize,
}

impl<'a> Server<'a> {
    // ANCHOR: turn
    pub(crate) fn new(listener: &'a Listener) -> Result<Self> {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC).context("cannot make an epoll")?;
        let event = EpollEvent::new(EpollFlags::EPOLLIN, LISTENER);
        epoll.add(listener, event).context("cannot watch the listener")?;
        Ok(Server { listener, epoll, clients: BTreeMap::new(), last: LISTENER, served: 0, most: 0 })
    }

    /// Sleeps until somebody wants something, and gives each of them one turn.
    pub(crate) fn turn(&mut self, timeout: Option<Duration>) -> Result<()> {
        let timeout = timeout.map_or(Ok(EpollTimeout::NONE), EpollTimeout::try_from)?;
        let mut events = [EpollEvent::empty(); 64];
        let ready = match self.epoll.wait(&mut events, timeout) {
            Err(Errno::EINTR) => 0, // stopped and continued, say
            ready => ready.context("cannot wait")?,
        };
        for event in &events[..ready] {
            match event.data() {
                LISTENER => self.welcome()?,
                number => self.attend(number)?,
            }
        }
        Ok(())
    }
    // ANCHOR_END: turn

    fn welcome(&mut self) -> Result<()> {
        let Accepted::Connection(client) = self.listener.accept().context("cannot accept")? else {
            return Ok(());
        };
        let stream = TcpStream::from(client);
        stream.set_nonblocking(true).context("cannot set O_NONBLOCK")?;
        self.last += 1; // a number that was never anybody else's, unlike the descriptor's
        let waits_for = EpollFlags::EPOLLIN;
        let event = EpollEvent::new(waits_for, self.last);
        self.epoll.add(&stream, event).context("cannot watch a client")?;
        self.clients.insert(self.last, Client { stream, unsent: Vec::new(), waits_for });
        self.most = self.most.max(self.clients.len());
        Ok(())
    }

    // ANCHOR: attend
    fn attend(&mut self, number: u64) -> Result<()> {
        let Some(client) = self.clients.get_mut(&number) else { return Ok(()) };
        match client.turn() {
            Ok(Some(next)) if next == client.waits_for => {}
            Ok(Some(next)) => {
                client.waits_for = next;
                let mut event = EpollEvent::new(next, number);
                self.epoll.modify(&client.stream, &mut event).context("cannot change the list")?;
            }
            Ok(None) | Err(_) => {
                self.epoll.delete(&client.stream).context("cannot change the list")?;
                self.clients.remove(&number);
                self.served += 1;
            }
        }
        Ok(())
    }
    // ANCHOR_END: attend

    pub(crate) fn clients(&self) -> usize {
        self.clients.len()
    }
}
