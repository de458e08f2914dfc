//! What /proc says of a task: whether it sleeps, and what it does with signals.

use std::cell::OnceCell;
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::time::Duration;

use nix::unistd::{Pid, gettid};

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

/// A task's files in /proc. Once opened they are kept open, because they are asked again and again.
#[derive(Debug)]
pub(crate) struct Look {
    process: Pid,
    pid: Pid,
    stat: OnceCell<Option<File>>,
    syscall: OnceCell<Option<File>>,
    status: OnceCell<Option<File>>,
}

impl Look {
    pub(crate) fn new(process: Pid, pid: Pid) -> Look {
        let [stat, syscall, status] = [const { OnceCell::new() }; 3];
        Look { process, pid, stat, syscall, status }
    }

    fn open(&self, name: &str) -> Option<File> {
        File::open(format!("/proc/{}/task/{}/{name}", self.process, self.pid)).ok()
    }

    /// A task that prepares to sleep, and will find that it needn't, says S too; then it is still on a
    /// processor, and `syscall` says "running". So it sleeps if it was off the processor in between. To look at the state only after
    /// that won't do: one that was let go a moment ago, and that another processor has not taken up yet, is off it as well.
    pub(crate) fn doing(&self) -> Doing {
        let state = self.state();
        let stays = || self.off_the_processor() && self.state() == state;
        match state {
            Some(b'S') if stays() => Doing::Sleeps,
            Some(b'D') if stays() => Doing::SleepsDeeply,
            Some(b'Z' | b'X') => Doing::Ended,
            _ => Doing::Something,
        }
    }

    /// How much of the processors' time it has had; `None`: this kernel doesn't say.
    pub(crate) fn ran(&self) -> Option<Duration> {
        let path = format!("/proc/{}/task/{}/schedstat", self.process, self.pid);
        let text = fs::read_to_string(path).ok()?;
        text.split_whitespace().next()?.parse().ok().map(Duration::from_nanos)
    }

    /// Whether it is stopped, and so does nothing until the tracer lets it.
    pub(crate) fn is_stopped(&self) -> bool {
        matches!(self.state(), Some(b't' | b'T'))
    }

    /// The letter of proc(5).
    fn state(&self) -> Option<u8> {
        let mut buffer = [0; 512];
        let stat = self.stat.get_or_init(|| self.open("stat")).as_ref()?;
        let length = stat.read_at(&mut buffer, 0).ok()?;
        // The name before it may hold anything, a parenthesis too.
        let end = buffer[..length].iter().rposition(|&byte| byte == b')')?;
        buffer.get(end + 2).copied()
    }

    /// Where the file can't be read, `true`: the state alone must do.
    fn off_the_processor(&self) -> bool {
        let mut buffer = [0; 256];
        let Some(file) = self.syscall.get_or_init(|| self.open("syscall")) else { return true };
        file.read_at(&mut buffer, 0).is_ok_and(|length| !buffer[..length].starts_with(b"run"))
    }

    /// How often it has gone to sleep by now (proc_pid_status(5)).
    pub(crate) fn sleeps(&self) -> Option<u64> {
        self.in_status(|status| {
            let count =
                status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"))?;
            count.trim().parse().ok()
        })
    }

    /// What `status` says of signals; nothing is set for one who is gone.
    pub(crate) fn signals(&self) -> Signals {
        self.in_status(Signals::read)
    }

    /// Its ids, from the recorder's pid namespace to its own.
    pub(crate) fn ids(&self) -> Vec<Pid> {
        let ids: Vec<_> = self.in_status(|status| {
            let ids = status.lines().find_map(|line| line.strip_prefix("NSpid:"));
            let ids = ids.unwrap_or_default().split_whitespace();
            ids.filter_map(|id| id.parse().ok()).map(Pid::from_raw).collect()
        });
        if ids.is_empty() { vec![self.pid] } else { ids }
    }

    fn in_status<T>(&self, find: impl FnOnce(&str) -> T) -> T {
        let mut buffer = [0; 4096];
        let file = self.status.get_or_init(|| self.open("status")).as_ref();
        let length = file.and_then(|file| file.read_at(&mut buffer, 0).ok()).unwrap_or_default();
        find(&String::from_utf8_lossy(&buffer[..length]))
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
    pub(crate) blocked: Set,
    /// Those that wait for this task alone.
    pub(crate) pending: Set,
    /// Those that wait for the process: any of its threads may take them.
    pub(crate) pending_for_all: Set,
}

impl Signals {
    /// From the text of /proc/PID/status. All five lines are together, in this order.
    fn read(status: &str) -> Signals {
        let mut lines = status.lines().skip_while(|line| !line.starts_with("SigPnd:"));
        let mut set = |name| {
            let line = lines.find_map(|line| line.strip_prefix(name));
            line.and_then(|set| Set::from_str_radix(set.trim(), 16).ok()).unwrap_or_default()
        };
        let (pending, pending_for_all) = (set("SigPnd:"), set("ShdPnd:"));
        let blocked = set("SigBlk:");
        let (ignored, caught) = (set("SigIgn:"), set("SigCgt:"));
        Signals { ignored, caught, blocked, pending, pending_for_all }
    }

    /// Whether one waits that is not blocked, so that it comes as soon as the task moves.
    pub(crate) fn may_come(&self) -> bool {
        (self.pending | self.pending_for_all) & !self.blocked != 0
    }
}

/// The children that a thread has made and that nobody has reaped. Where the kernel doesn't say that of threads, those of
/// the process.
pub(crate) fn children(process: Pid, thread: Pid) -> Vec<Pid> {
    match fs::read_to_string(format!("/proc/{process}/task/{thread}/children")) {
        Ok(children) => {
            let ids = children.split_whitespace().filter_map(|id| id.parse().ok());
            ids.map(Pid::from_raw).collect()
        }
        Err(_) => children_of_process(process),
    }
}

/// The children of a process, by looking at all that there are.
pub(crate) fn children_of_process(process: Pid) -> Vec<Pid> {
    let Ok(all) = fs::read_dir("/proc") else { return Vec::new() };
    let ids = all.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    ids.map(Pid::from_raw).filter(|&pid| parent(pid) == Some(process)).collect()
}

/// Whether the calling thread traces a task.
pub(crate) fn is_traced_here(task: Pid) -> bool {
    let status = fs::read_to_string(format!("/proc/{task}/status")).unwrap_or_default();
    let tracer = status.lines().find_map(|line| line.strip_prefix("TracerPid:"));
    tracer.is_some_and(|id| id.trim().parse() == Ok(gettid().as_raw()))
}

/// A process's parent, from /proc/PID/stat; `None` once it is reaped.
pub(crate) fn parent(pid: Pid) -> Option<Pid> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, rest) = stat.rsplit_once(") ")?;
    rest.split(' ').nth(1)?.parse().ok().map(Pid::from_raw)
}
