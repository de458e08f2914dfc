//! Waiting for more than one thing, and taking only what is there.
//!
//! Read in this order: [`Address`] (`address.rs`); [`Listener`], [`Options`], [`Accepted`]
//! (`listener.rs`); [`wait_readable`], [`poll_readable`]; [`Listener::turn_away`]. Used again by `mini-unicorn`, whose
//! workers wait on their listeners and on the pipe from their master, and whose successor inherits
//! the listeners.
//!
//! Left out on purpose: waiting until one can *write*, UDP, Unix sockets without a file, `epoll`.

mod address;
mod listener;
mod turn_away;

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::select::{FD_SETSIZE, FdSet, select};
use nix::sys::time::{TimeSpec, TimeVal, TimeValLike};

pub use address::Address;
pub use listener::{Accepted, Listener, Options};

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
