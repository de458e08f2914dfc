//! A listener that lets nobody in any more, and loses nobody who is in.

use std::io;
use std::os::fd::{AsFd, AsRawFd};

use nix::errno::Errno;
use nix::sys::socket::{Shutdown, shutdown};

use crate::{Address, Listener};

impl Listener {
    // ANCHOR: turn_away
    /// Lets nobody into the queue any more. Who is there stays there, to be accepted as before; once
    /// [`Nobody`](crate::Accepted::Nobody) is left, closing resets no connection, as it otherwise
    /// does to those who came since.
    ///
    /// For *everybody* who has this socket, and for good: do this only where nobody else is to go on
    /// with it.
    ///
    /// A Unix socket's new clients are refused at once, and the socket stays readable, for its end has
    /// come: see [shutdown(2)](https://man7.org/linux/man-pages/man2/shutdown.2.html). Over TCP that call would
    /// reset those in the queue too, so there the kernel is given a filter that drops each SYN: a new
    /// client asks again after a second, and is refused by then, if the socket is closed. See
    /// [socket(7)](https://man7.org/linux/man-pages/man7/socket.7.html), SO_ATTACH_FILTER. A TCP
    /// client whose SYN has come in before may still get in: by the ACK to our answer, which takes a
    /// round trip.
    ///
    /// # Errors
    /// `ENOMEM`: there is no room for the filter.
    pub fn turn_away(&self) -> io::Result<()> {
        match self.address() {
            Address::Unix(_) => Ok(shutdown(self.as_fd().as_raw_fd(), Shutdown::Read)?),
            Address::Tcp(_) => Ok(self.drop_syns()?),
        }
    }
    // ANCHOR_END: turn_away

    // ANCHOR: drop_syns
    fn drop_syns(&self) -> nix::Result<()> {
        /// Where a TCP header has its flags, and the one that asks for a connection.
        const FLAGS: u32 = 13;
        const SYN: u32 = 2;
        let line = |code: u32, jt, jf, k| libc::sock_filter { code: code as u16, jt, jf, k };
        let mut program = [
            line(libc::BPF_LD | libc::BPF_B | libc::BPF_ABS, 0, 0, FLAGS),
            line(libc::BPF_JMP | libc::BPF_JSET | libc::BPF_K, 1, 0, SYN),
            line(libc::BPF_RET | libc::BPF_K, 0, 0, u32::MAX), // all of it passes
            line(libc::BPF_RET | libc::BPF_K, 0, 0, 0),        // nothing does
        ];
        let filter = libc::sock_fprog { len: program.len() as u16, filter: program.as_mut_ptr() };
        // SAFETY: the kernel copies the program, whose length is right, and keeps no pointer.
        let done = unsafe {
            libc::setsockopt(
                self.as_fd().as_raw_fd(),
                libc::SOL_SOCKET,
                libc::SO_ATTACH_FILTER,
                (&raw const filter).cast(),
                size_of::<libc::sock_fprog>() as libc::socklen_t,
            )
        };
        Errno::result(done).map(drop)
    }
    // ANCHOR_END: drop_syns
}
