//! Where a listener listens.

use std::net::{SocketAddr, SocketAddrV4, SocketAddrV6, TcpStream};
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::str::FromStr;
use std::{fmt, io};

use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, SockFlag, SockType, SockaddrStorage, UnixAddr, connect, getsockname, socket,
};

/// Where a listener listens: an IP address and a port, or a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// IPv4 or IPv6, and a TCP port. Port 0 stands for "a free one", until the kernel has chosen.
    /// `[::]` takes connections of both families, unless `/proc/sys/net/ipv6/bindv6only` is 1.
    Tcp(SocketAddr),
    /// The path of a Unix socket.
    Unix(PathBuf),
}

impl Address {
    /// Connects, as a client does; waits for room in the listener's queue. The connection is a
    /// blocking one, close-on-exec.
    ///
    /// # Errors
    /// `ECONNREFUSED`: nobody listens there; for a Unix socket, its file was left behind.
    /// `ENOENT`: there is no such file. And what
    /// [connect(2)](https://man7.org/linux/man-pages/man2/connect.2.html) says.
    pub fn connect(&self) -> io::Result<OwnedFd> {
        match self {
            Address::Tcp(address) => Ok(TcpStream::connect(address)?.into()),
            Address::Unix(path) => Ok(UnixStream::connect(path)?.into()),
        }
    }

    /// Whether somebody listens at a Unix socket's path, which its file alone does not say. Never
    /// waits: where the queue is full, somebody must be there who has it.
    ///
    /// # Errors
    /// `ENOENT`: there is no such file. `ENAMETOOLONG`, `EACCES`: see
    /// [connect(2)](https://man7.org/linux/man-pages/man2/connect.2.html).
    /// [`Unsupported`](io::ErrorKind::Unsupported): it is no path.
    pub fn is_served(&self) -> io::Result<bool> {
        let Address::Unix(path) = self else { return Err(io::ErrorKind::Unsupported.into()) };
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        let probe = socket(AddressFamily::Unix, SockType::Stream, flags, None)?;
        match connect(probe.as_raw_fd(), &UnixAddr::new(path)?) {
            Ok(()) | Err(Errno::EAGAIN) => Ok(true),
            Err(Errno::ECONNREFUSED) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// The address that a socket is bound to.
    pub(crate) fn of(socket: BorrowedFd<'_>) -> io::Result<Address> {
        let name: SockaddrStorage = getsockname(socket.as_raw_fd())?;
        if let Some(&name) = name.as_sockaddr_in() {
            Ok(Address::Tcp(SocketAddrV4::from(name).into()))
        } else if let Some(&name) = name.as_sockaddr_in6() {
            Ok(Address::Tcp(SocketAddrV6::from(name).into()))
        } else if let Some(path) = name.as_unix_addr().and_then(UnixAddr::path) {
            Ok(Address::Unix(path.into()))
        } else {
            Err(io::Error::new(io::ErrorKind::Unsupported, "its address is no IP address or path"))
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Tcp(address) => address.fmt(f),
            Address::Unix(path) => path.display().fmt(f),
        }
    }
}

impl FromStr for Address {
    type Err = io::Error;

    /// `127.0.0.1:8080`, `[::1]:0`, or a path, which has a `/` in it.
    fn from_str(text: &str) -> io::Result<Address> {
        if text.contains('/') {
            return Ok(Address::Unix(text.into()));
        }
        text.parse().map(Address::Tcp).map_err(|_| {
            io::Error::other(format!("`{text}` is neither IP:PORT nor a path with a `/`"))
        })
    }
}
