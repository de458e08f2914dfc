//! What is a number elsewhere in this course is a descriptor here, and what was shared is apart.
//!
//! Read in this order: [`Process`], [`Process::spawn`], [`Process::signal`], [`Process::wait`];
//! then [`listen_apart`]. Nothing in `mini-unicorn` needs them: it is made of the older tricks, and
//! runs where these don't exist. They are for what you write next. Linux only, from 5.4 on.
//!
//! Left out on purpose: a wrapper for `epoll`, which nix has; `io_uring`; processes that are not
//! our children.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use fork::{Exit, spawn, wait_for};
use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::sys::socket::{
    AddressFamily, Backlog, SockFlag, SockType, SockaddrStorage, bind, listen, setsockopt, socket,
    sockopt,
};
use nix::unistd::Pid;
use select::Listener;
use syscalls::retry_on_eintr;

// ANCHOR: process
/// A child process, held by a descriptor: a *pidfd*.
///
/// A pid is a name, and after the child is reaped the kernel may give the name to another process.
/// The descriptor stays with the one that it was opened for: nobody else can be signalled or
/// waited for by it, however late.
///
/// It is readable, in the sense of `poll(2)`, from the moment the child has ended: wait for that by
/// [`AsFd`], together with whatever else there is to wait for. (There is nothing to `read(2)`.) To
/// drop it neither ends the child nor reaps it. It is close-on-exec.
#[derive(Debug)]
pub struct Process {
    pid: Pid,
    pidfd: OwnedFd,
}
// ANCHOR_END: process

impl Process {
    // ANCHOR: spawn
    /// [`fork::spawn`], and the child's pidfd with it.
    ///
    /// # Errors
    /// Those of [`fork::spawn`] and of [`of_child`](Self::of_child). There is no child then: if
    /// there was one already, it has been killed and reaped.
    ///
    /// # Safety
    /// As for [`fork::spawn`]: call this while the process has one thread.
    pub unsafe fn spawn(work: impl FnOnce() -> u8) -> io::Result<Process> {
        // SAFETY: one thread, as our caller promises.
        let pid = unsafe { spawn(work) }?;
        Process::of_child(pid).inspect_err(|_| {
            // Nobody could ever wait for it. It is not reaped yet, so the pid is still its own.
            let _ = kill(pid, Signal::SIGKILL);
            let _ = wait_for(pid);
        })
    }

    /// Takes hold of a child that has *not been reaped*. It may have ended: until it is reaped, its
    /// pid is not given to anybody else.
    ///
    /// See [pidfd_open(2)](https://man7.org/linux/man-pages/man2/pidfd_open.2.html).
    ///
    /// # Errors
    /// `ESRCH`: there is no such process. If it was reaped, be glad of this error: it could as well
    /// have been somebody else's pid by now. `EINVAL`: the pid is not positive. `EMFILE`, `ENFILE`:
    /// this process, or all of them together, have too many files open. `ENOSYS`: before Linux 5.3.
    pub fn of_child(pid: Pid) -> io::Result<Process> {
        // SAFETY: takes no pointers.
        let fd = Errno::result(unsafe { libc::syscall(libc::SYS_pidfd_open, pid.as_raw(), 0) })?;
        // SAFETY: it is new, so nobody else has it. Descriptors fit into an i32.
        Ok(Process { pid, pidfd: unsafe { OwnedFd::from_raw_fd(fd as i32) } })
    }
    // ANCHOR_END: spawn

    /// The child's pid, for people to read: once it is reaped, the number may be anybody's.
    pub fn pid(&self) -> Pid {
        self.pid
    }

    // ANCHOR: signal
    /// Sends a signal to this process and to no other.
    ///
    /// See [pidfd_send_signal(2)](https://man7.org/linux/man-pages/man2/pidfd_send_signal.2.html).
    ///
    /// # Errors
    /// `ESRCH`: it has ended and been reaped. Nobody was signalled. (Of one that has ended and not
    /// been reaped, a zombie, there is no error and no effect, as with `kill(2)`.) `EPERM`: it has
    /// become another user.
    pub fn signal(&self, signal: Signal) -> io::Result<()> {
        let (fd, number) = (self.pidfd.as_raw_fd(), signal as libc::c_int);
        let no_info = std::ptr::null::<libc::siginfo_t>();
        // SAFETY: the null pointer asks for the information that kill(2) would send.
        let sent = unsafe { libc::syscall(libc::SYS_pidfd_send_signal, fd, number, no_info, 0) };
        Errno::result(sent)?;
        Ok(())
    }
    // ANCHOR_END: signal

    // ANCHOR: wait
    /// Waits until the child has ended, and reaps it.
    ///
    /// See [waitid(2)](https://man7.org/linux/man-pages/man2/waitid.2.html), `P_PIDFD`.
    ///
    /// # Errors
    /// `ECHILD`: it has been reaped already, or is not a child of this process, or this process
    /// ignores SIGCHLD, so that the kernel reaps for it.
    pub fn wait(&self) -> io::Result<Exit> {
        loop {
            if let Some(exit) = self.reap(0)? {
                return Ok(exit);
            }
        }
    }

    /// Reaps the child if it has ended; `None` if it has not. Never waits.
    ///
    /// # Errors
    /// Those of [`wait`](Self::wait).
    pub fn try_wait(&self) -> io::Result<Option<Exit>> {
        self.reap(libc::WNOHANG)
    }

    fn reap(&self, flags: libc::c_int) -> io::Result<Option<Exit>> {
        // SAFETY: plain data, for which all zeros is a value; and si_pid 0 means "nobody yet".
        let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
        let id = self.pidfd.as_raw_fd() as libc::id_t; // a descriptor is not negative
        let options = libc::WEXITED | flags;
        // nix's `waitid` has no name for a real-time signal, and would lose the child it killed.
        retry_on_eintr(|| {
            // SAFETY: `info` is ours, and lives longer than the call.
            Errno::result(unsafe { libc::waitid(libc::P_PIDFD, id, &mut info, options) })
        })?;
        // SAFETY: waitid(2) has filled in how a child ended, or has left the zeros.
        let ended = unsafe { info.si_pid() };
        if ended == 0 {
            return Ok(None); // it lives
        }
        // SAFETY: as above.
        let status = unsafe { info.si_status() };
        Ok(Some(match info.si_code {
            libc::CLD_EXITED => Exit::Code(status as u8), // eight bits, by definition
            _ => Exit::Signal(status),                    // CLD_KILLED or CLD_DUMPED
        }))
    }
    // ANCHOR_END: wait
}

impl AsFd for Process {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.pidfd.as_fd()
    }
}

// ANCHOR: listen
/// A listener of its own at an address where others may listen too: SO_REUSEPORT.
///
/// Each such socket has a queue of its own, and the kernel picks one for each connection, by a hash
/// of both addresses. Nobody competes for a connection, and nobody else can take it: what is in
/// the queue of the last process to hold this socket when that closes it is *reset*.
///
/// It is non-blocking and close-on-exec, and 1024 may wait, as with [`Listener::bind`], which does
/// the same when `reuseport` is among its options.
///
/// See [socket(7)](https://man7.org/linux/man-pages/man7/socket.7.html).
///
/// # Errors
/// `EADDRINUSE`: somebody listens there without SO_REUSEPORT, or is another user. And those of
/// [`Listener::bind`].
pub fn listen_apart(address: SocketAddr) -> io::Result<Listener> {
    let family = if address.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let socket = socket(family, SockType::Stream, flags, None)?;
    setsockopt(&socket, sockopt::ReuseAddr, &true)?;
    setsockopt(&socket, sockopt::ReusePort, &true)?; // before bind, and on every one of them
    bind(socket.as_raw_fd(), &SockaddrStorage::from(address))?;
    listen(&socket, Backlog::new(1024)?)?;
    Listener::from_fd(socket)
}
// ANCHOR_END: listen
