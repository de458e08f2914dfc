//! One process goes in, two come out.
//!
//! Read in this order: [`spawn`], [`Exit`], [`wait_for`], [`Children`], [`spawn_missing`],
//! [`reap_all`]. Used again by `execve` and by `mini-unicorn`, whose master is these six and a loop.
//!
//! Left out on purpose: `vfork(2)`, the flags of `clone(2)`, process groups.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::{fmt, io};

use nix::sys::signal::Signal;
use nix::unistd::{ForkResult, Pid, fork};

// ANCHOR: spawn
/// Runs `work` in a new process, and returns that process's id in this one.
///
/// The child does not come back from here. It leaves by `_exit(2)`, with the code that `work`
/// returns, or with 101 if `work` panics: the frames above this one are a copy of the parent's,
/// and a child that returned into them would go on as a second parent.
///
/// `_exit` writes out no buffers, so text that this process had buffered when it split is not
/// said twice; `work` flushes what it buffers itself.
///
/// See [fork(2)](https://man7.org/linux/man-pages/man2/fork.2.html) and
/// [_exit(2)](https://man7.org/linux/man-pages/man2/_exit.2.html).
///
/// # Errors
/// `EAGAIN`: a limit on the number of processes is reached. `ENOMEM`: the kernel has no room for
/// another one. Nothing was created.
///
/// # Safety
/// Other threads do not follow into the child, but the locks that they held do, and nobody is left
/// there to release them. Call this while the process has one thread.
pub unsafe fn spawn(work: impl FnOnce() -> u8) -> io::Result<Pid> {
    // SAFETY: one thread, as our caller promises.
    match unsafe { fork() }? {
        ForkResult::Parent { child } => Ok(child),
        ForkResult::Child => {
            let code = catch_unwind(AssertUnwindSafe(work)).unwrap_or(101);
            // SAFETY: takes no pointer, and does not return.
            unsafe { libc::_exit(code.into()) }
        }
    }
}
// ANCHOR_END: spawn

// ANCHOR: exit
/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Exit {
    /// It called `exit` or `_exit`: the low eight bits of what it passed.
    Code(u8),
    /// A signal ended it. A number, since real-time signals have no names.
    Signal(libc::c_int),
}

impl Exit {
    /// Decodes the status that wait(2) stores; `None` for a stop or a continue, which end nobody.
    pub fn from_wait_status(status: libc::c_int) -> Option<Exit> {
        if libc::WIFEXITED(status) {
            Some(Exit::Code(libc::WEXITSTATUS(status) as u8)) // eight bits, by definition
        } else if libc::WIFSIGNALED(status) {
            Some(Exit::Signal(libc::WTERMSIG(status)))
        } else {
            None
        }
    }

    /// What a shell would show in `$?`: the code, or 128 + the signal's number.
    pub fn shell_status(self) -> u8 {
        match self {
            Exit::Code(code) => code,
            Exit::Signal(number) => 128 + number as u8, // signals end at 64
        }
    }
}
// ANCHOR_END: exit

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Exit::Code(code) => write!(f, "exit code {code}"),
            Exit::Signal(number) => match Signal::try_from(number) {
                Ok(signal) => write!(f, "killed by {signal}"),
                Err(_) => write!(f, "killed by signal {number}"),
            },
        }
    }
}

/// Waits until the child `pid` has ended, and reaps it.
///
/// See [wait(2)](https://man7.org/linux/man-pages/man2/wait.2.html).
///
/// # Errors
/// `ECHILD`: `pid` is not a child of this process, or it has been reaped already, or this process
/// ignores SIGCHLD, so that the kernel reaps for it.
pub fn wait_for(pid: Pid) -> io::Result<Exit> {
    loop {
        if let Some((_, exit)) = reap(pid, 0)? {
            return Ok(exit);
        }
    }
}

/// One child that has ended, or `None` if `flags` has WNOHANG and there is none yet.
fn reap(pid: Pid, flags: libc::c_int) -> io::Result<Option<(Pid, Exit)>> {
    loop {
        let mut status = 0;
        // nix's `waitpid` would lose a child that a real-time signal killed: it reaps it, then
        // finds no name for the signal and answers EINVAL without saying whom it reaped.
        // SAFETY: `status` is ours, and lives longer than the call.
        match unsafe { libc::waitpid(pid.as_raw(), &mut status, flags) } {
            0 => return Ok(None),
            -1 => {
                let error = io::Error::last_os_error();
                if error.kind() != io::ErrorKind::Interrupted {
                    return Err(error);
                }
            }
            ended => {
                // A stop is reported to tracers only, unless WUNTRACED asks for it.
                if let Some(exit) = Exit::from_wait_status(status) {
                    return Ok(Some((Pid::from_raw(ended), exit)));
                }
            }
        }
    }
}

// ANCHOR: children
/// Who is alive: which child holds which worker number, its *slot*.
///
/// A plain table: it forks nobody and asks the kernel nothing. After a fork the child has a copy,
/// and the processes in it are its siblings, not its children.
#[derive(Debug, Default)]
pub struct Children {
    by_slot: BTreeMap<usize, Pid>,
}

impl Children {
    /// A table with nobody in it.
    pub fn new() -> Self {
        Self::default()
    }

    /// The slots below `wanted` that nobody holds, lowest first.
    pub fn missing(&self, wanted: usize) -> Vec<usize> {
        (0..wanted).filter(|slot| !self.by_slot.contains_key(slot)).collect()
    }

    /// Notes that `pid` holds `slot`; returns who held it before.
    pub fn insert(&mut self, slot: usize, pid: Pid) -> Option<Pid> {
        self.by_slot.insert(slot, pid)
    }

    /// Forgets `pid`; returns the slot that it held, which is free again.
    pub fn remove(&mut self, pid: Pid) -> Option<usize> {
        let slot = self.slot_of(pid)?;
        self.by_slot.remove(&slot);
        Some(slot)
    }
    // ANCHOR_END: children

    /// The slot that `pid` holds.
    pub fn slot_of(&self, pid: Pid) -> Option<usize> {
        self.iter().find(|&(_, holder)| holder == pid).map(|(slot, _)| slot)
    }

    /// Everybody, by slot, lowest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (usize, Pid)> + '_ {
        self.by_slot.iter().map(|(&slot, &pid)| (slot, pid))
    }

    /// How many slots are held.
    pub fn len(&self) -> usize {
        self.by_slot.len()
    }

    /// Whether nobody is here.
    pub fn is_empty(&self) -> bool {
        self.by_slot.is_empty()
    }
}

// ANCHOR: spawn_missing
/// Makes a child for each free slot below `wanted`, lowest first. Each runs `work(slot)`, and ends
/// as [`spawn`] says.
///
/// # Errors
/// Those of [`spawn`]. Children made before the error are in `children`, so calling again later
/// goes on from there.
///
/// # Safety
/// As for [`spawn`]: call this while the process has one thread.
pub unsafe fn spawn_missing(
    children: &mut Children,
    wanted: usize,
    mut work: impl FnMut(usize) -> u8,
) -> io::Result<()> {
    for slot in children.missing(wanted) {
        // SAFETY: one thread, as our caller promises.
        let pid = unsafe { spawn(|| work(slot)) }?;
        children.insert(slot, pid);
    }
    Ok(())
}
// ANCHOR_END: spawn_missing

/// A child that has ended and is reaped: its pid may be somebody else's from now on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reaped {
    /// Who it was.
    pub pid: Pid,
    /// The slot that it held, free again; `None` if it was never in the table.
    pub slot: Option<usize>,
    /// How it ended.
    pub exit: Exit,
}

// ANCHOR: reap_all
/// Reaps every child that has ended, without waiting for those that have not.
///
/// It asks until there is nobody left to reap, because one SIGCHLD may stand for many deaths
/// ([signal(7)](https://man7.org/linux/man-pages/man7/signal.7.html)).
///
/// # Errors
/// None that wait(2) documents: to have no children (`ECHILD`) is an answer here, not an error.
pub fn reap_all(children: &mut Children) -> io::Result<Vec<Reaped>> {
    const ANY_CHILD: Pid = Pid::from_raw(-1);
    let mut ended = Vec::new();
    loop {
        match reap(ANY_CHILD, libc::WNOHANG) {
            Ok(Some((pid, exit))) => {
                let slot = children.remove(pid);
                ended.push(Reaped { pid, slot, exit });
            }
            Ok(None) => return Ok(ended), // some live on
            Err(error) if error.raw_os_error() == Some(libc::ECHILD) => return Ok(ended),
            Err(error) => return Err(error),
        }
    }
}
// ANCHOR_END: reap_all
