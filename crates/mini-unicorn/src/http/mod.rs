//! One request, from its bytes to its answer.

use std::fs::File;
use std::io::{self, Read};
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::time::Instant;

use crate::App;

/// What a worker keeps from one request to the next, so that a request costs little.
#[derive(Debug, Default)]
pub struct Scratch {}

/// Answers one request on a connection, and closes it.
///
/// `deadline` is when the master loses patience with this worker. `on_request` is told the request
/// line as soon as it is known. A client that leaves or sends nonsense is no error.
pub fn answer(
    _client: OwnedFd,
    _deadline: Instant,
    _app: &mut dyn App,
    _scratch: &mut Scratch,
    _on_request: &mut dyn FnMut(&str),
) {
}

/// A request's body, read from the connection when the app reads it.
pub struct Body<'a> {
    _reader: &'a mut dyn Read,
}

impl Body<'_> {
    /// How long it will be, as its Content-Length says; 0 if it has none; `None` if it comes in chunks.
    pub fn length(&self) -> Option<u64> {
        None
    }

    /// All of it as a file, at its start: one without a name, gone when it is closed.
    ///
    /// # Errors
    /// Those of reading, and of writing the file.
    pub fn into_file(self) -> io::Result<File> {
        tempfile::tempfile()
    }
}

impl Read for Body<'_> {
    fn read(&mut self, _into: &mut [u8]) -> io::Result<usize> {
        Ok(0)
    }
}

/// Who asks: found among a request's extensions.
#[derive(Debug, Clone)]
pub struct Connection {
    socket: Arc<OwnedFd>,
    deadline: Instant,
}

impl Connection {
    /// The client's address; `None` over a Unix socket.
    ///
    /// # Errors
    /// `ENOTCONN`: it has gone.
    pub fn peer(&self) -> io::Result<Option<SocketAddr>> {
        Ok(None)
    }

    /// The address that it came to; `None` over a Unix socket.
    ///
    /// # Errors
    /// None that getsockname(2) has for a connection.
    pub fn local(&self) -> io::Result<Option<SocketAddr>> {
        Ok(None)
    }

    /// When the master will lose patience with this worker, and kill it.
    pub fn deadline(&self) -> Instant {
        self.deadline
    }

    /// Whether the client has gone, or at least has said that it sends nothing more, which we take
    /// for the same.
    pub fn has_gone(&self) -> bool {
        false
    }
}

impl AsFd for Connection {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}
