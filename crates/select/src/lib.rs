//! Waiting for more than one thing, and taking only what is there.
//!
//! Read in this order: [`Address`] (`address.rs`), [`Listener`], [`Accepted`], [`wait_readable`],
//! [`poll_readable`]. Used again by `mini-unicorn`, whose workers wait on their listeners and on
//! the pipe from their master, and whose successor inherits the listeners.
//!
//! Left out on purpose: waiting until one can *write*, UDP, Unix sockets without a file, `epoll`.

mod address;

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, FdFlag, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::select::{FD_SETSIZE, FdSet, select};
use nix::sys::socket::{
    AddressFamily, Backlog, SockFlag, SockType, SockaddrLike, SockaddrStorage, UnixAddr, accept4,
    bind, getsockopt, listen, setsockopt, socket, sockopt,
};
use nix::sys::time::{TimeSpec, TimeVal, TimeValLike};

pub use address::Address;

/// How a listener is set up: `Options::default()`, or change what you care about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// How many connections may wait for [`Listener::accept`]. The kernel takes no more than
    /// `/proc/sys/net/core/somaxconn` says, and Linux lets one more wait than this.
    pub backlog: u16,
}

impl Default for Options {
    /// Unicorn's: 1024 may wait.
    fn default() -> Self {
        Options { backlog: 1024 }
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
        let (family, name): (_, Box<dyn SockaddrLike>) = match address {
            Address::Unix(path) => (AddressFamily::Unix, Box::new(UnixAddr::new(path)?)),
            Address::Tcp(at) => {
                let family = if at.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
                (family, Box::new(SockaddrStorage::from(*at)))
            }
        };
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        let socket = socket(family, SockType::Stream, flags, None)?;
        if family != AddressFamily::Unix {
            setsockopt(&socket, sockopt::ReuseAddr, &true)?;
        }
        bind(socket.as_raw_fd(), &*name)?;
        // nix refuses more than SOMAXCONN, where the kernel would quietly take less.
        let backlog = i32::from(options.backlog).min(libc::SOMAXCONN);
        listen(&socket, Backlog::new(backlog)?)?;
        Ok(Listener { address: Address::of(socket.as_fd())?, socket })
    }
    // ANCHOR_END: bind

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

// ANCHOR: wait
/// Waits until at least one of `fds` can be read from (or accepted from) without waiting: data, a
/// connection, the end of a stream, or an error to be told. Returns which, as indices into `fds`,
/// in order; none if `timeout` passed first. `None` waits for ever, zero does not wait.
///
/// By [select(2)](https://man7.org/linux/man-pages/man2/select.2.html). The set that it changes is
/// made anew for each call. *Readable* is a statement about a moment that has passed: on anything
/// shared, have `O_NONBLOCK` set.
///
/// # Errors
/// `EINTR`: a signal handler has run. That is what a master wants to know, so it is not hidden
/// here; who calls again works out how much of the time is left. `EBADF`: one of `fds` is not
/// open. [`InvalidInput`](io::ErrorKind::InvalidInput): one of them is not below 1024
/// (FD_SETSIZE), where a set has no bit for it: use [`poll_readable`].
pub fn wait_readable(fds: &[BorrowedFd<'_>], timeout: Option<Duration>) -> io::Result<Vec<usize>> {
    let mut set = FdSet::new();
    for &fd in fds {
        let number = fd.as_raw_fd();
        if number as usize >= FD_SETSIZE {
            let message =
                format!("select can't watch descriptor {number}, only those below {FD_SETSIZE}");
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        }
        set.insert(fd);
    }
    // Rounded up: a short wait must not become none at all, in a loop.
    let micros = |time: Duration| TimeVal::microseconds(time.as_nanos().div_ceil(1000) as i64);
    let mut timeout = timeout.map(|time| micros(time.min(LONGEST)));
    select(None, &mut set, None, None, timeout.as_mut())?;
    Ok((0..fds.len()).filter(|&i| set.contains(fds[i])).collect())
}
// ANCHOR_END: wait

/// 136 years, so that any timeout fits into what the kernel takes.
const LONGEST: Duration = Duration::from_secs(1 << 32);

// ANCHOR: poll
/// [`wait_readable`] without its limit: by
/// [poll(2)](https://man7.org/linux/man-pages/man2/poll.2.html), which takes a list where select
/// takes a set, and so any descriptor.
///
/// # Errors
/// `EINTR` and `EBADF`, as there. `EINVAL`: more descriptors than RLIMIT_NOFILE allows.
pub fn poll_readable(fds: &[BorrowedFd<'_>], timeout: Option<Duration>) -> io::Result<Vec<usize>> {
    let mut list: Vec<_> = fds.iter().map(|&fd| PollFd::new(fd, PollFlags::POLLIN)).collect();
    let timeout = timeout.map(|time| TimeSpec::from_duration(time.min(LONGEST)));
    ppoll(&mut list, timeout, None)?;
    if list.iter().any(|fd| fd.revents().is_some_and(|got| got.contains(PollFlags::POLLNVAL))) {
        return Err(Errno::EBADF.into());
    }
    Ok((0..fds.len()).filter(|&i| list[i].any() != Some(false)).collect())
}
// ANCHOR_END: poll
