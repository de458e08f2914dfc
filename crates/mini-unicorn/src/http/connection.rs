//! What an app may know about the connection.

use std::io;
use std::net::{SocketAddr, SocketAddrV4, SocketAddrV6};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::time::Instant;

use nix::errno::Errno;
use nix::sys::socket::{MsgFlags, SockaddrStorage, getpeername, getsockname, recv};
use syscalls::retry_on_eintr;

/// Who asks: found among a request's extensions.
///
/// Each question is put to the kernel when the app asks it, and not before. An app that keeps this
/// keeps the socket's descriptor from being closed; a whole answer has its end all the same.
#[derive(Debug, Clone)]
pub struct Connection {
    socket: Arc<OwnedFd>,
    deadline: Instant,
}

impl Connection {
    pub(crate) fn new(socket: Arc<OwnedFd>, deadline: Instant) -> Self {
        Connection { socket, deadline }
    }

    /// The client's address; `None` over a Unix socket. See
    /// [getpeername(2)](https://man7.org/linux/man-pages/man2/getpeername.2.html).
    ///
    /// # Errors
    /// `ENOTCONN`: it has gone.
    pub fn peer(&self) -> io::Result<Option<SocketAddr>> {
        Ok(ip(getpeername(self.socket.as_raw_fd())?))
    }

    /// The address that it came to; `None` over a Unix socket. See
    /// [getsockname(2)](https://man7.org/linux/man-pages/man2/getsockname.2.html).
    ///
    /// # Errors
    /// None that getsockname(2) has for a connection.
    pub fn local(&self) -> io::Result<Option<SocketAddr>> {
        Ok(ip(getsockname(self.socket.as_raw_fd())?))
    }

    /// When the master will lose patience with this worker, and kill it.
    pub fn deadline(&self) -> Instant {
        self.deadline
    }

    // ANCHOR: has_gone
    /// Whether the client has gone, or at least has said that it sends nothing more, which we take
    /// for the same. Never waits, and takes nothing of what it sent. While some of that is unread,
    /// there is no telling, and the answer is no.
    ///
    /// See [recv(2)](https://man7.org/linux/man-pages/man2/recv.2.html), "MSG_PEEK".
    pub fn has_gone(&self) -> bool {
        let flags = MsgFlags::MSG_PEEK | MsgFlags::MSG_DONTWAIT;
        match retry_on_eintr(|| recv(self.socket.as_raw_fd(), &mut [0], flags)) {
            Ok(count) => count == 0,
            Err(error) => error != Errno::EAGAIN,
        }
    }
    // ANCHOR_END: has_gone
}

impl AsFd for Connection {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

fn ip(name: SockaddrStorage) -> Option<SocketAddr> {
    let v4 = name.as_sockaddr_in().map(|&name| SocketAddrV4::from(name).into());
    v4.or_else(|| name.as_sockaddr_in6().map(|&name| SocketAddrV6::from(name).into()))
}
