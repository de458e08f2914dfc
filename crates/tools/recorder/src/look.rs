//! What /proc says of a task: whether it sleeps, and what it does with signals.

use std::cell::RefCell;
use std::fs::{self, File};
use std::os::unix::fs::FileExt;

use nix::unistd::Pid;

/// What a task that was let run is doing now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Doing {
    /// It computes, or does something in the kernel that ends by itself, or is about to stop.
    Something,
    /// It sleeps in a call until something happens.
    Sleeps,
    /// It sleeps so that not even a signal wakes it: for a disk, or in vfork.
    SleepsDeeply,
    /// It has ended. If it is a process's first thread and others live on, no wait tells this.
    Ended,
}

/// A task's files in /proc, kept open because they are asked after every step.
#[derive(Debug)]
pub(crate) struct Look {
    stat: Option<File>,
    syscall: Option<File>,
    buffer: RefCell<[u8; 512]>,
}

impl Look {
    pub(crate) fn new(process: Pid, pid: Pid) -> Look {
        let open = |name| File::open(format!("/proc/{process}/task/{pid}/{name}")).ok();
        Look { stat: open("stat"), syscall: open("syscall"), buffer: RefCell::new([0; 512]) }
    }

    pub(crate) fn doing(&self) -> Doing {
        match self.state() {
            Some(b'S') if self.still_is(b'S') => Doing::Sleeps,
            Some(b'D') if self.still_is(b'D') => Doing::SleepsDeeply,
            Some(b'Z' | b'X') => Doing::Ended,
            _ => Doing::Something,
        }
    }

    /// A task that prepares to sleep, and will find that it needn't, says S too; then it is still on a
    /// processor, and `syscall` says "running". Unless it has stopped since: so the state is asked
    /// again, once it is known to be off the processor.
    fn still_is(&self, state: u8) -> bool {
        self.off_the_processor() && self.state() == Some(state)
    }

    /// Whether it is stopped, and so does nothing until the tracer lets it.
    pub(crate) fn is_stopped(&self) -> bool {
        matches!(self.state(), Some(b't' | b'T'))
    }

    /// The letter of proc(5).
    fn state(&self) -> Option<u8> {
        let mut buffer = self.buffer.borrow_mut();
        let length = self.stat.as_ref()?.read_at(&mut buffer[..], 0).ok()?;
        // The name before it may hold anything, a parenthesis too.
        let end = buffer[..length].iter().rposition(|&byte| byte == b')')?;
        buffer.get(end + 2).copied()
    }

    /// Where the file can't be read, `true`: the state alone must do.
    fn off_the_processor(&self) -> bool {
        let mut buffer = self.buffer.borrow_mut();
        let Some(file) = &self.syscall else { return true };
        file.read_at(&mut buffer[..], 0).is_ok_and(|length| !buffer[..length].starts_with(b"run"))
    }
}

/// A set of signals: bit 0 is signal 1.
pub(crate) type Set = u64;

/// The set of one signal.
pub(crate) fn only(signal: i32) -> Set {
    1 << (signal - 1)
}

/// The signals in a set.
pub(crate) fn members(set: Set) -> Vec<i32> {
    (1..=64).filter(|&signal| set & only(signal) != 0).collect()
}

/// What a task does with signals, and which ones wait outside.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Signals {
    pub(crate) ignored: Set,
    pub(crate) caught: Set,
    /// Those that wait for this task alone.
    pub(crate) pending: Set,
    /// Those that wait for the process: any of its threads may take them.
    pub(crate) pending_for_all: Set,
}

/// Reads them from /proc/PID/status; nothing is set for one who is gone.
pub(crate) fn signals(pid: Pid) -> Signals {
    let mut buffer = [0; 4096];
    let file = File::open(format!("/proc/{pid}/status"));
    let length = file.and_then(|file| file.read_at(&mut buffer, 0)).unwrap_or_default();
    let status = String::from_utf8_lossy(&buffer[..length]);
    let set = |name| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        line.and_then(|value| Set::from_str_radix(value.trim(), 16).ok()).unwrap_or_default()
    };
    Signals {
        ignored: set("SigIgn:"),
        caught: set("SigCgt:"),
        pending: set("SigPnd:"),
        pending_for_all: set("ShdPnd:"),
    }
}

/// A process's parent, from /proc/PID/stat; `None` once it is reaped.
pub(crate) fn parent(pid: Pid) -> Option<Pid> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, rest) = stat.rsplit_once(") ")?;
    rest.split(' ').nth(1)?.parse().ok().map(Pid::from_raw)
}
