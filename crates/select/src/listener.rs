//! Listening sockets.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, FdFlag, OFlag, fcntl};
use nix::sys::socket::{
    AddressFamily, Backlog, SockFlag, SockType, SockaddrStorage, UnixAddr, accept4, bind,
    getsockopt, listen, setsockopt, socket, sockopt,
};
use nix::sys::stat::{Mode, umask};

use crate::Address;

// ANCHOR: options
/// How a listener is set up: `Options::default()`, or change what you care about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// How many connections may wait for [`Listener::accept`]. The kernel takes no more than
    /// `/proc/sys/net/core/somaxconn` says, and Linux lets one more wait than this.
    pub backlog: u16,
    /// How many bytes from a client the kernel keeps until they are read (SO_RCVBUF); it doubles
    /// that, for its own use, up to `/proc/sys/net/core/rmem_max`. `None`: it decides, and over TCP
    /// goes on deciding for each connection.
    pub rcvbuf: Option<usize>,
    /// The same for bytes to a client (SO_SNDBUF, `wmem_max`).
    pub sndbuf: Option<usize>,
    /// Over TCP, whether a small write leaves at once (TCP_NODELAY) rather than waiting until the
    /// client has acknowledged the one before.
    pub tcp_nodelay: bool,
    /// Whether `[::]` keeps to IPv6 (IPV6_V6ONLY). `None`: as the system has it.
    pub ipv6only: Option<bool>,
    /// Whether other TCP sockets may listen here too, each with a queue of its own, if they say the
    /// same and are the same user's (SO_REUSEPORT).
    pub reuseport: bool,
    /// What the file of a Unix socket lacks of mode 0777. To connect takes the permission to write.
    pub umask: u32,
}
// ANCHOR_END: options

impl Default for Options {
    /// Unicorn's: 1024 may wait, small writes leave at once, anybody may connect to a Unix socket,
    /// and the rest is as the kernel has it.
    fn default() -> Self {
        Options {
            backlog: 1024,
            rcvbuf: None,
            sndbuf: None,
            tcp_nodelay: true,
            ipv6only: None,
            reuseport: false,
            umask: 0,
        }
    }
}

/// A listening socket: non-blocking, close-on-exec, and known by its address.
///
/// After a fork both processes have it, and it stays *one* socket with one queue: each connection
/// goes to whoever accepts it first. It is closed when the last of them drops it. The file of a
/// Unix socket stays even then: somebody who knows that nobody serves there may remove it.
#[derive(Debug)]
pub struct Listener {
    socket: OwnedFd,
    address: Address,
}

impl Listener {
    // ANCHOR: bind
    /// Makes a socket, gives it an address, and has the kernel take connections for it.
    ///
    /// A TCP address is taken with SO_REUSEADDR, so that a server can be started again while
    /// connections of the one before are still in TIME_WAIT. The address that `self` reports is
    /// the one that the kernel gave: with port 0, look there for the port.
    ///
    /// For a Unix socket this sets the umask and puts it back. The umask is the whole process's:
    /// a file that another thread makes meanwhile gets it too.
    ///
    /// See [socket(2)](https://man7.org/linux/man-pages/man2/socket.2.html),
    /// [bind(2)](https://man7.org/linux/man-pages/man2/bind.2.html) and
    /// [listen(2)](https://man7.org/linux/man-pages/man2/listen.2.html).
    ///
    /// # Errors
    /// `EADDRINUSE`: somebody listens there, or the Unix socket's file exists, be it in use or
    /// left over. `EACCES`: ports below 1024 are for root, or the directory is not writable.
    /// `EADDRNOTAVAIL`: this machine has no such address. `EAFNOSUPPORT`: it has no IPv6.
    /// `ENOENT`: no such directory. `ENAMETOOLONG`: a Unix socket's path has at most 107 bytes.
    /// `EMFILE`, `ENFILE`: this process, or all of them together, have too many files open.
    pub fn bind(address: &Address, options: Options) -> io::Result<Listener> {
        let socket = match address {
            Address::Tcp(address) => bound_tcp(*address, options)?,
            Address::Unix(path) => bound_file(path, options.umask)?,
        };
        let listener = Listener { address: Address::of(socket.as_fd())?, socket };
        listener.set_options(options)?;
        Ok(listener)
    }
    // ANCHOR_END: bind

    // ANCHOR: set_options
    /// Has it take connections as these options say, even one that took them otherwise before: one
    /// that was inherited, or is kept while the configuration changes. That goes for *everybody*
    /// who has the socket, and for connections made from now on.
    ///
    /// This is about the backlog, the buffers (`None` leaves them as they are), TCP_NODELAY, and
    /// SO_KEEPALIVE, which is always on over TCP, so that a client that has vanished is noticed in
    /// the end. The umask, `ipv6only` and `reuseport` mean something only to [`bind`](Self::bind).
    ///
    /// # Errors
    /// None that the kernel has for a socket that listens.
    pub fn set_options(&self, options: Options) -> io::Result<()> {
        let bytes = |size: usize| size.min(libc::c_int::MAX as usize); // what fits in the call
        if let Some(size) = options.rcvbuf {
            setsockopt(&self.socket, sockopt::RcvBuf, &bytes(size))?;
        }
        if let Some(size) = options.sndbuf {
            setsockopt(&self.socket, sockopt::SndBuf, &bytes(size))?;
        }
        if let Address::Tcp(_) = self.address {
            setsockopt(&self.socket, sockopt::KeepAlive, &true)?;
            setsockopt(&self.socket, sockopt::TcpNoDelay, &options.tcp_nodelay)?;
        }
        // nix refuses more than SOMAXCONN, where the kernel would quietly take less.
        let backlog = i32::from(options.backlog).min(libc::SOMAXCONN);
        // Last: the buffers are to be set before it listens, says tcp(7).
        Ok(listen(&self.socket, Backlog::new(backlog)?)?)
    }
    // ANCHOR_END: set_options

    /// Takes over a listening socket that somebody else made: the program that this one replaces,
    /// or systemd. Its address comes from
    /// [getsockname(2)](https://man7.org/linux/man-pages/man2/getsockname.2.html).
    ///
    /// It becomes non-blocking for *everybody* who has it, since that flag belongs to the socket
    /// (the open file description); close-on-exec only here, since that one belongs to the
    /// descriptor.
    ///
    /// # Errors
    /// `ENOTSOCK`: it is a descriptor of something else. `EINVAL`: it is a socket that does not
    /// listen. [`Unsupported`](io::ErrorKind::Unsupported): its address is no [`Address`].
    pub fn from_fd(socket: OwnedFd) -> io::Result<Listener> {
        if !getsockopt(&socket, sockopt::AcceptConn)? {
            return Err(Errno::EINVAL.into());
        }
        fcntl(&socket, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC))?;
        let flags = OFlag::from_bits_retain(fcntl(&socket, FcntlArg::F_GETFL)?);
        fcntl(&socket, FcntlArg::F_SETFL(flags | OFlag::O_NONBLOCK))?;
        Ok(Listener { address: Address::of(socket.as_fd())?, socket })
    }

    /// Where it listens.
    pub fn address(&self) -> &Address {
        &self.address
    }

    // ANCHOR: accept
    /// Takes the connection that has waited longest, if any does. Never waits.
    ///
    /// See [accept(2)](https://man7.org/linux/man-pages/man2/accept.2.html).
    ///
    /// # Errors
    /// `EMFILE`, `ENFILE`: no descriptor is free, in this process or in all. The connection stays
    /// in the queue and the listener readable, so waiting again at once would spin. `ENOBUFS`,
    /// `ENOMEM`: the kernel is out of memory. `EPERM`: a firewall forbids it.
    pub fn accept(&self) -> io::Result<Accepted> {
        match accept4(self.socket.as_raw_fd(), SockFlag::SOCK_CLOEXEC) {
            // SAFETY: it is new, so nobody else has it.
            Ok(fd) => Ok(Accepted::Connection(unsafe { OwnedFd::from_raw_fd(fd) })),
            Err(Errno::EAGAIN) => Ok(Accepted::Nobody), // somebody was faster
            // The client has gone. What its network had to say, Linux says here too (accept(2)).
            Err(Errno::ECONNABORTED | Errno::EPROTO | Errno::ENETDOWN | Errno::ENETUNREACH)
            | Err(Errno::EHOSTDOWN | Errno::EHOSTUNREACH | Errno::ENONET | Errno::ENOPROTOOPT)
            | Err(Errno::EOPNOTSUPP) => Ok(Accepted::Nobody),
            Err(error) => Err(error.into()),
        }
    }
    // ANCHOR_END: accept
}

// ANCHOR: bound
fn bound_tcp(address: SocketAddr, options: Options) -> io::Result<OwnedFd> {
    let family = if address.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
    let socket = new_socket(family)?;
    setsockopt(&socket, sockopt::ReuseAddr, &true)?;
    if options.reuseport {
        setsockopt(&socket, sockopt::ReusePort, &true)?;
    }
    if let (AddressFamily::Inet6, Some(only)) = (family, options.ipv6only) {
        setsockopt(&socket, sockopt::Ipv6V6Only, &only)?;
    }
    bind(socket.as_raw_fd(), &SockaddrStorage::from(address))?;
    Ok(socket)
}

fn bound_file(path: &Path, mask: u32) -> io::Result<OwnedFd> {
    let name = UnixAddr::new(path)?;
    let socket = new_socket(AddressFamily::Unix)?;
    // bind(2) takes no mode, and a chmod(2) after it would come too late.
    let before = umask(Mode::from_bits_truncate(mask));
    let bound = bind(socket.as_raw_fd(), &name);
    umask(before);
    bound?;
    Ok(socket)
}

fn new_socket(family: AddressFamily) -> nix::Result<OwnedFd> {
    socket(family, SockType::Stream, SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK, None)
}
// ANCHOR_END: bound

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

// ANCHOR: accepted
/// What [`Listener::accept`] found.
#[derive(Debug)]
pub enum Accepted {
    /// A client. Reads and writes on it wait, unlike the listener; it is close-on-exec.
    Connection(OwnedFd),
    /// Nobody waits any more: another process was faster, or the client has gone. That is no
    /// error: go back to waiting.
    Nobody,
}
// ANCHOR_END: accepted
