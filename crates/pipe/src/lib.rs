//! Bytes go in at one end and come out at the other.
//!
//! Read in this order: [`pipe`], [`nonblocking_pipe`], [`ControlPipes`], [`Sent`], [`ControlPipe`],
//! [`Command`]. The first two are used again by `self-pipe`, all of them by `mini-unicorn`, whose
//! master speaks to its workers like this:
//!
//! ```text
//! the master                        one worker
//! prepare(slot)
//!             ── fork ──
//! keep_write_ends()                 keep_only(slot) -> ControlPipe
//! send(slot, signal)        ──▶     receive() -> Command::Signal(signal)
//! dies, or remove(slot)     ──▶     receive() -> Command::MasterDied
//! ```
//!
//! Left out on purpose: named pipes, `splice(2)`, pipes for more than commands of one byte.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::signal::Signal;
use nix::unistd::{pipe2, read, write};
use syscalls::retry_on_eintr;

// ANCHOR: pipe
/// Makes a pipe: what is written to the second can be read from the first.
///
/// Both ends are close-on-exec from the start, so that no program that this process or another
/// thread of it executes comes to hold an end that nobody gave it. A copy made by `dup2(2)` is not.
///
/// See [pipe(2)](https://man7.org/linux/man-pages/man2/pipe.2.html) and
/// [pipe(7)](https://man7.org/linux/man-pages/man7/pipe.7.html).
///
/// # Errors
/// `EMFILE`: this process has as many descriptors as it may. `ENFILE`: the system has as many open
/// files as it can, or this user as much memory in pipes as a user may. Nothing was created.
pub fn pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    Ok(pipe2(OFlag::O_CLOEXEC)?)
}

/// Makes a pipe whose ends never wait.
///
/// As [`pipe`], and where a read or a write would have to wait, it fails with `EAGAIN`, which Rust
/// calls [`io::ErrorKind::WouldBlock`].
///
/// # Errors
/// Those of [`pipe`].
pub fn nonblocking_pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    Ok(pipe2(OFlag::O_CLOEXEC | OFlag::O_NONBLOCK)?)
}
// ANCHOR_END: pipe

// ANCHOR: table
/// The pipes by which a master commands its workers: one for each worker number, its *slot*.
///
/// Whoever is forked inherits the whole table, and with it the write ends of its siblings' pipes.
/// While it held them, a sibling could not see the end of its own pipe, which says that the master
/// has died. So [`keep_only`](Self::keep_only), by which alone a worker comes by its end, closes
/// all others.
#[derive(Debug, Default)]
pub struct ControlPipes {
    by_slot: BTreeMap<usize, Ends>,
}

/// Both ends before the fork; in the master, after it, the write end.
#[derive(Debug)]
struct Ends {
    write: OwnedFd,
    read: Option<OwnedFd>,
}
// ANCHOR_END: table

impl ControlPipes {
    /// A table with no pipe in it.
    pub fn new() -> Self {
        Self::default()
    }

    // ANCHOR: lifecycle
    /// Before the fork: makes the pipe of the worker that is to have `slot`. If somebody had the
    /// slot before, their pipe closes here.
    ///
    /// # Errors
    /// Those of [`pipe`]. The table is as it was.
    pub fn prepare(&mut self, slot: usize) -> io::Result<()> {
        let (read, write) = nonblocking_pipe()?;
        self.by_slot.insert(slot, Ends { write, read: Some(read) });
        Ok(())
    }

    /// After the fork, in the worker: keeps the read end of `slot`, and closes every other end that
    /// it inherited. The table is empty then.
    ///
    /// # Errors
    /// [`io::ErrorKind::NotFound`]: there is no read end for `slot` here. The others are closed
    /// all the same.
    pub fn keep_only(&mut self, slot: usize) -> io::Result<ControlPipe> {
        let mine = self.by_slot.remove(&slot).and_then(|ends| ends.read);
        self.by_slot.clear();
        mine.map(|read| ControlPipe { read }).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    /// After the fork, in the master: closes the read ends, which the workers have now.
    ///
    /// Until then a pipe has a reader that never reads, the master, and nobody could tell that
    /// its worker is dead. Where several are forked in a row, call this after each, or know that the
    /// later ones inherit the earlier ones' read ends, and have them until they call
    /// [`keep_only`](Self::keep_only).
    pub fn keep_write_ends(&mut self) {
        for ends in self.by_slot.values_mut() {
            ends.read = None;
        }
    }
    // ANCHOR_END: lifecycle

    // ANCHOR: send
    /// In the master: commands the worker in `slot` to do what `signal` stands for. Never waits.
    ///
    /// A command is one byte, the signal's number, written by one `write(2)`: half a command can't
    /// arrive.
    ///
    /// This process must ignore SIGPIPE, as Rust's runtime has it do before `main`; else the first
    /// command to a dead worker kills it.
    ///
    /// # Errors
    /// [`io::ErrorKind::InvalidInput`]: this process still holds the read end itself; see
    /// [`keep_write_ends`](Self::keep_write_ends). A dead worker and a full pipe are answers, not
    /// errors.
    pub fn send(&self, slot: usize, signal: Signal) -> io::Result<Sent> {
        let Some(ends) = self.by_slot.get(&slot) else { return Ok(Sent::NobodyReads) };
        if ends.read.is_some() {
            let why = "cannot command a worker: the read end of its pipe is still open here";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, why));
        }
        let command = [signal as u8]; // signals end at 64
        match retry_on_eintr(|| write(&ends.write, &command)) {
            Ok(_) => Ok(Sent::InThePipe), // of one byte, none is left over
            Err(Errno::EAGAIN) => Ok(Sent::PipeFull),
            Err(Errno::EPIPE) => Ok(Sent::NobodyReads),
            Err(error) => Err(error.into()),
        }
    }
    // ANCHOR_END: send

    /// In the master: closes the pipe of `slot`, whose worker has ended. One that lives takes it
    /// for the master's death.
    pub fn remove(&mut self, slot: usize) {
        self.by_slot.remove(&slot);
    }
}

/// What became of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sent {
    /// It waits in the pipe until the worker reads it. Nothing says when that will be, or whether:
    /// a worker may die first. That it is dead, only `wait(2)` says for certain.
    InThePipe,
    /// It was not sent: the worker has left thousands of commands unread. It is stuck.
    PipeFull,
    /// It was not sent: the worker is dead, or has closed its end, or there never was one.
    NobodyReads,
}

// ANCHOR: receive
/// The worker's end of its control pipe.
///
/// It is readable, in the sense of `poll(2)`, when a command waits and from the master's death on:
/// wait for that by [`AsFd`], together with whatever else the worker waits for.
#[derive(Debug)]
pub struct ControlPipe {
    read: OwnedFd,
}

impl ControlPipe {
    /// Takes the next command, or `None` if none waits. Never waits itself.
    ///
    /// # Errors
    /// [`io::ErrorKind::InvalidData`]: a byte that is no signal's number.
    pub fn receive(&self) -> io::Result<Option<Command>> {
        let mut byte = [0];
        match retry_on_eintr(|| read(&self.read, &mut byte)) {
            Ok(0) => Ok(Some(Command::MasterDied)),
            Ok(_) => match Signal::try_from(i32::from(byte[0])) {
                Ok(signal) => Ok(Some(Command::Signal(signal))),
                Err(_) => Err(io::ErrorKind::InvalidData.into()),
            },
            Err(Errno::EAGAIN) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}
// ANCHOR_END: receive

impl AsFd for ControlPipe {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.read.as_fd()
    }
}

/// What a worker learns from its control pipe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// The master wants what this signal stands for.
    Signal(Signal),
    /// Nobody holds the write end any more: the master is dead, or has let go of this worker. It
    /// stays so: every later read says it again.
    MasterDied,
}
