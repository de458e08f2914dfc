//! What only the owner of a descriptor can ask: the recorder borrows it for a moment.

use std::net::{SocketAddr, SocketAddrV4, SocketAddrV6};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use nix::errno::Errno;
use nix::sys::socket::{
    SockType, SockaddrIn, SockaddrIn6, SockaddrStorage, getpeername, getsockname, getsockopt,
    sockopt,
};
use nix::sys::stat::fstat;
use nix::unistd::Pid;

use crate::files;

/// The address that a socket is bound to: after `bind` to port 0, the one that the system has chosen.
///
/// `process` is the task's process. `None`: it is no socket with such an address, or it can't be borrowed.
pub(crate) fn bound_to(process: Pid, task: Pid, number: i32) -> Option<String> {
    let address: SockaddrStorage = getsockname(socket(process, task, number)?.as_raw_fd()).ok()?;
    address
        .as_sockaddr_in()
        .map(ToString::to_string)
        .or_else(|| address.as_sockaddr_in6().map(ToString::to_string))
}

/// A task's socket. `None`: it is none, or the kernel is older than pidfd_getfd(2), which is Linux 5.6.
pub(crate) fn socket(process: Pid, task: Pid, number: i32) -> Option<OwnedFd> {
    let borrowed = borrow(process, number).ok()?;
    // A thread may have a table of its own, in which the number leads elsewhere.
    let found = format!("socket:[{}]", fstat(&borrowed).ok()?.st_ino);
    (files::leads_to(task, number)? == found).then_some(borrowed)
}

/// The address of a TCP socket that has a port.
pub(crate) fn tcp_address(socket: &OwnedFd) -> Option<SocketAddr> {
    tcp(socket, getsockname(socket.as_raw_fd()).ok()?)
}

/// The address at the other end of a TCP socket.
pub(crate) fn tcp_peer(socket: &OwnedFd) -> Option<SocketAddr> {
    tcp(socket, getpeername(socket.as_raw_fd()).ok()?)
}

fn tcp(socket: &OwnedFd, address: SockaddrStorage) -> Option<SocketAddr> {
    let four =
        address.as_sockaddr_in().map(|&address| SocketAddr::from(SocketAddrV4::from(address)));
    let six =
        || address.as_sockaddr_in6().map(|&address| SocketAddr::from(SocketAddrV6::from(address)));
    let address = four.or_else(six)?;
    let is_tcp = getsockopt(socket, sockopt::SockType) == Ok(SockType::Stream);
    (is_tcp && address.port() != 0)
        .then(|| SocketAddr::new(address.ip().to_canonical(), address.port()))
}

/// Whether a socket takes datagrams of the internet protocols, and has no port to which one could come.
pub(crate) fn has_no_port(socket: &OwnedFd) -> bool {
    let address: nix::Result<SockaddrStorage> = getsockname(socket.as_raw_fd());
    let port = address.ok().and_then(|address| {
        let four = address.as_sockaddr_in().map(SockaddrIn::port);
        four.or_else(|| address.as_sockaddr_in6().map(SockaddrIn6::port))
    });
    getsockopt(socket, sockopt::SockType) == Ok(SockType::Datagram) && port == Some(0)
}

pub(crate) fn borrow(process: Pid, number: i32) -> nix::Result<OwnedFd> {
    // SAFETY: numbers only; what is returned is a descriptor of ours, which nobody else knows.
    let own = |result: i64| unsafe { OwnedFd::from_raw_fd(result as i32) };
    // SAFETY: numbers only.
    let pidfd = unsafe { libc::syscall(libc::SYS_pidfd_open, process.as_raw(), 0) };
    let pidfd = Errno::result(pidfd).map(own)?;
    // SAFETY: numbers only.
    let borrowed = unsafe { libc::syscall(libc::SYS_pidfd_getfd, pidfd.as_raw_fd(), number, 0) };
    Errno::result(borrowed).map(own)
}
