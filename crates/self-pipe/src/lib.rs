//! A signal that you can select on.
//!
//! Read in this order: [`wake`], [`SelfPipe`], then [`SignalQueue`] (`queue.rs`), which is what `mini-unicorn`'s
//! master sleeps on. A signal handler may do next to nothing, so it leaves a note and writes one
//! byte into a pipe that its own process reads. From there on the signal is input like any other.
//!
//! There is one self-pipe in a process, since handlers belong to the process. After `fork` the
//! child's is still its parent's, until the child calls [`SignalQueue::renew`].
//!
//! Left out on purpose: `siginfo_t` (who sent it), real-time signals, more than one thread.

mod queue;

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicI32, Ordering::SeqCst};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::Signal;
use nix::unistd::{getpid, read};
use pipe::nonblocking_pipe;
use signals::{Disposition, set_disposition};

pub use queue::SignalQueue;

// ANCHOR: wake
/// Whose the self-pipe is: a pid, or 0. Written last and cleared first, so that a handler that
/// finds its own pid here may trust `WRITER`.
static OWNER: AtomicI32 = AtomicI32::new(0);
/// The pipe's write end, where a handler can find it.
static WRITER: AtomicI32 = AtomicI32::new(-1);

/// Wakes this process from its sleep, or from its next one if it is awake. Unicorn's
/// `awaken_master`.
///
/// Runs in the middle of anything. So: one pid compared, one byte, errno put back. In a child that
/// has not renewed the pipe it does nothing, for the sleeper at its other end is the parent.
///
/// It can't fail in a way that matters: a full pipe (`EAGAIN`) is one that wakes already.
/// `getpid` and `write` are on the list in
/// [signal-safety(7)](https://man7.org/linux/man-pages/man7/signal-safety.7.html).
pub fn wake() {
    let errno = Errno::last_raw();
    if OWNER.load(SeqCst) == getpid().as_raw() {
        // SAFETY: one byte, from a constant. `WRITER` is open for as long as `OWNER` is our pid.
        unsafe { libc::write(WRITER.load(SeqCst), b"!".as_ptr().cast(), 1) };
    }
    Errno::set_raw(errno);
}
// ANCHOR_END: wake

/// What ended a sleep.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Woken {
    /// A [`wake`]: look what there is to do.
    Wake,
    /// These of the caller's descriptors are readable, or at their end: indices, lowest first.
    Ready(Vec<usize>),
    /// The time is over.
    Timeout,
}

type Handler = extern "C" fn(libc::c_int);

// ANCHOR: pipe
/// A pipe from this process to itself, and the handlers that write to it.
///
/// Its [`AsFd`] is the read end, for `select`, `poll` or `epoll` beside other descriptors: when
/// that is readable, [`drain`](SelfPipe::drain), then look, then act.
#[derive(Debug)]
pub struct SelfPipe {
    reader: OwnedFd,
    writer: OwnedFd,
    caught: Vec<(Signal, Handler)>,
}

impl SelfPipe {
    /// Makes the pipe: both ends non-blocking, and closed at exec.
    ///
    /// # Errors
    /// `AlreadyExists`: there is one; in a child, renew that. `EMFILE`, `ENFILE`: no descriptor is
    /// free ([pipe(2)](https://man7.org/linux/man-pages/man2/pipe.2.html)).
    pub fn new() -> io::Result<SelfPipe> {
        if OWNER.load(SeqCst) != 0 {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let (reader, writer) = nonblocking_pipe()?;
        WRITER.store(writer.as_raw_fd(), SeqCst);
        OWNER.store(getpid().as_raw(), SeqCst);
        Ok(SelfPipe { reader, writer, caught: Vec::new() })
    }
    // ANCHOR_END: pipe

    /// Lets `signal` wake this process, and do nothing else. SIGCHLD needs no more: who has died
    /// is what `waitpid` tells.
    ///
    /// # Errors
    /// `EINVAL`: SIGKILL and SIGSTOP can't be caught
    /// ([sigaction(2)](https://man7.org/linux/man-pages/man2/sigaction.2.html)).
    pub fn wake_on(&mut self, signal: Signal) -> io::Result<()> {
        self.catch(signal, on_wake)
    }

    fn catch(&mut self, signal: Signal, handler: Handler) -> io::Result<()> {
        set_handler(signal, handler)?;
        self.caught.push((signal, handler));
        Ok(())
    }

    // ANCHOR: sleep
    /// Sleeps until a [`wake`], until one of `others` is readable, or until `timeout` is over
    /// (`None`: never). A wake since the last sleep ends this one at once, and a wake comes before
    /// `others`, which will still be readable next time.
    ///
    /// A signal that has nothing to do with the pipe does not end it; what is left of `timeout`
    /// goes on. See [poll(2)](https://man7.org/linux/man-pages/man2/poll.2.html).
    ///
    /// # Errors
    /// `EINVAL`: more descriptors than RLIMIT_NOFILE. `ENOMEM`: the kernel has no room for a list.
    pub fn sleep(&self, others: &[BorrowedFd<'_>], timeout: Option<Duration>) -> io::Result<Woken> {
        let end = timeout.and_then(|time| Instant::now().checked_add(time)); // None: out of reach
        let all = [self.as_fd()].into_iter().chain(others.iter().copied());
        let mut fds: Vec<_> = all.map(|fd| PollFd::new(fd, PollFlags::POLLIN)).collect();
        loop {
            let left = end.map(|end| end.saturating_duration_since(Instant::now()));
            match poll(&mut fds, milliseconds(left)) {
                Err(Errno::EINTR) => continue, // our own handler wrote a byte, and poll will see it
                Err(error) => return Err(error.into()),
                Ok(0) if end.is_some_and(|end| end <= Instant::now()) => return Ok(Woken::Timeout),
                Ok(0) => continue, // longer than poll can count
                Ok(_) => break,
            }
        }
        let ready = |fd: &PollFd<'_>| fd.any().unwrap_or(true);
        if ready(&fds[0]) {
            self.drain()?; // after the wait, before the caller looks: see `drain`
            return Ok(Woken::Wake);
        }
        Ok(Woken::Ready((0..others.len()).filter(|&i| ready(&fds[i + 1])).collect()))
    }
    // ANCHOR_END: sleep

    // ANCHOR: drain
    /// Empties the pipe: all that wanted to wake us has done so.
    ///
    /// The order is drain, look, act. What comes after the drain refills the pipe and ends the next
    /// sleep. Look first, and a signal between the look and the drain loses its byte unseen.
    ///
    /// # Errors
    /// None that [read(2)](https://man7.org/linux/man-pages/man2/read.2.html) has for a pipe.
    pub fn drain(&self) -> io::Result<()> {
        let mut bytes = [0; 512];
        loop {
            match read(&self.reader, &mut bytes) {
                Ok(0) | Err(Errno::EAGAIN) => return Ok(()),
                Ok(_) | Err(Errno::EINTR) => continue,
                Err(error) => return Err(error.into()),
            }
        }
    }
    // ANCHOR_END: drain

    // ANCHOR: renew
    /// In a child, after `fork`: a pipe of its own instead of its parent's, with nothing in it, and
    /// the same handlers, set again if need be. In the process that made the pipe it does nothing.
    ///
    /// A signal that the child gets before this wakes nobody. Block the signals, fork, renew,
    /// unblock ([`signals::block`]): then it waits outside until the pipe is here.
    ///
    /// # Errors
    /// As for [`SelfPipe::new`], except `AlreadyExists`. The child still wakes nobody.
    pub fn renew(&mut self) -> io::Result<()> {
        let me = getpid().as_raw();
        if OWNER.load(SeqCst) != me {
            // The handlers hold still meanwhile: to them, this is not the owner yet.
            (self.reader, self.writer) = nonblocking_pipe()?;
            WRITER.store(self.writer.as_raw_fd(), SeqCst);
            OWNER.store(me, SeqCst);
            self.caught.iter().try_for_each(|&(signal, handler)| set_handler(signal, handler))?;
        }
        Ok(())
    }
    // ANCHOR_END: renew
}

impl AsFd for SelfPipe {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.reader.as_fd()
    }
}

// ANCHOR: drop
impl Drop for SelfPipe {
    /// Sets all signals that it caught back to their defaults, whatever they were before, and then
    /// closes the ends. The other way round, a handler writes to whatever gets the number next.
    fn drop(&mut self) {
        for &(signal, _) in &self.caught {
            // SAFETY: no handler is set.
            let reset = unsafe { set_disposition(signal, Disposition::Default) };
            debug_assert!(reset.is_ok(), "{signal} could be caught, so it can be let go");
        }
        OWNER.store(0, SeqCst);
    } // here the ends are closed
}
// ANCHOR_END: drop

/// Runs in the middle of anything. So: a wake.
extern "C" fn on_wake(_: libc::c_int) {
    wake();
}

fn set_handler(signal: Signal, handler: Handler) -> io::Result<()> {
    // SAFETY: both handlers of this crate do what signal-safety(7) allows, and keep errno.
    unsafe { set_disposition(signal, Disposition::Handler(handler)) }
}

/// For poll: rounded up, or the last millisecond would be spent asking; at most what poll can count.
fn milliseconds(left: Option<Duration>) -> PollTimeout {
    left.map_or(PollTimeout::NONE, |left| {
        let rounded_up = left.as_nanos().div_ceil(1_000_000);
        PollTimeout::try_from(rounded_up).unwrap_or(PollTimeout::MAX)
    })
}
