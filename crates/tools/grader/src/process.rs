//! A process at one moment: what it is, and what it was doing.

use crate::Signals;
use crate::calls::{self, Wait};
use crate::proc::{self, Stat};
use nix::unistd::Pid;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

/// What a process was doing when it was looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// On a processor, or ready for one.
    Running,
    /// Asleep in the kernel until something happens; a signal can wake it.
    Sleeping,
    /// Asleep, and only what it waits for (or SIGKILL) can wake it.
    Uninterruptible,
    /// Stopped by a signal.
    Stopped,
    /// Held by whoever traces it: in a recorded run, by the recorder, which lets one go on at a time.
    Traced,
    /// It has ended, and its parent has not reaped it.
    Zombie,
    /// Another letter of proc(5).
    Other(char),
}

/// The system call in which a process was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Call {
    /// This machine does not show it: reading `/proc/PID/syscall` was refused.
    Hidden,
    /// None: it was running code of its own, or has ended.
    None,
    /// In this system call.
    In {
        /// The call's number on this architecture.
        number: i64,
        /// The six argument registers.
        args: [u64; 6],
    },
}

/// An open descriptor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Descriptor {
    /// Its number.
    pub number: i32,
    /// What `/proc/PID/fd` says that it leads to: a path, `pipe:[inode]`, …
    pub target: PathBuf,
    /// Whether it can be written to.
    pub writable: bool,
    /// How it was opened, and its status flags, as `fcntl(F_GETFL)` gives them; and `O_CLOEXEC`, where exec closes it.
    pub flags: i32,
    /// How many bytes from its start the next read or write begins.
    pub offset: u64,
}

/// One process at one moment.
#[derive(Debug, Clone)]
pub struct Process {
    /// Its pid, as the run's own processes know it.
    pub pid: Pid,
    /// Its pid as the test knows it: another one where the run has pids of its own.
    pub host: Pid,
    /// Its parent's pid; the supervisor's when its own parent is gone.
    pub parent: Pid,
    /// The file name of its program, at most 15 bytes.
    pub name: String,
    /// What it was doing; `Running` when any of its threads was.
    pub state: State,
    /// The call of its first thread, or of another one where that has ended.
    pub call: Call,
    /// Processor time that it has used, in user and in kernel mode, without its children's.
    pub cpu: Duration,
    /// Whether it has reaped a child: the kernel adds a child's page faults and times to the parent that waits
    /// for it, and to nobody else's.
    pub reaped_a_child: bool,
    /// Its open descriptors, sorted by number. Empty for a zombie, where the machine refuses to say, and where the run has thousands.
    pub descriptors: Vec<Descriptor>,
    /// What waits for it, and what it does with signals.
    pub signals: Signals,
    /// The path that it was opening, when its call was `open` or `openat`.
    pub opening: Option<PathBuf>,
}

impl Process {
    /// Whether it was asleep until something happens (and not just until some time has passed). Where the machine
    /// does not show the call, every sleep counts; a short wait for a disk or for memory never does.
    #[must_use]
    pub fn blocked(&self) -> bool {
        self.state == State::Sleeping && !self.sleeping_for_time()
    }

    /// How often each of its threads has gone to sleep by now. Whoever was blocked at two looks, and has not gone to sleep anew in between, has not moved
    /// (proc_pid_status(5), `voluntary_ctxt_switches`).
    #[must_use]
    pub fn sleeps(&self) -> Vec<String> {
        let threads = fs::read_dir(format!("/proc/{}/task", self.host));
        let sleeps = threads.into_iter().flatten().flatten().filter_map(|thread| {
            let status = fs::read_to_string(thread.path().join("status")).ok()?;
            let line = status.lines().find(|line| line.starts_with("voluntary_ctxt_switches"))?;
            Some(format!("{} {line}", thread.path().display()))
        });
        sleeps.collect()
    }

    /// Whether it is stopped, and its parent has been told so. Looked at after that, the parent is awake, or asleep once more, or gone.
    #[must_use]
    pub fn has_stopped(&self) -> bool {
        // The kernel shows its call only when it is off its processor, and it tells the parent before that.
        self.state == State::Stopped && self.call != Call::None
    }

    /// Whether it was blocked until there is something to read from this descriptor. `None` where the machine does
    /// not show the call.
    #[must_use]
    pub fn waits_to_read(&self, descriptor: i32) -> Option<bool> {
        let asleep = self.state == State::Sleeping;
        (self.call != Call::Hidden).then(|| asleep && self.wait() == Some(Wait::Read(descriptor)))
    }

    /// Whether it was asleep just until some time has passed, as in `sleep(3)`.
    #[must_use]
    pub fn sleeping_for_time(&self) -> bool {
        self.state == State::Sleeping && self.wait() == Some(Wait::Time)
    }

    /// Whether it was asleep for some time at the most, whatever it was waiting for: in a call with a timeout.
    #[must_use]
    pub fn goes_by_the_clock(&self) -> bool {
        match self.call {
            Call::In { number, args } => {
                self.state == State::Sleeping && calls::has_a_limit(number, args)
            }
            Call::Hidden | Call::None => false,
        }
    }

    /// The name of the call that it was in, if it was in one that the grader knows.
    #[must_use]
    pub fn call_name(&self) -> Option<&'static str> {
        match self.call {
            Call::In { number, .. } => calls::name(number),
            Call::Hidden | Call::None => None,
        }
    }

    pub(crate) fn wait(&self) -> Option<Wait> {
        match self.call {
            Call::In { number, args } => Some(calls::wait(number, args)),
            Call::Hidden | Call::None => None,
        }
    }

    /// Its descriptor of that number.
    #[must_use]
    pub fn descriptor(&self, number: i32) -> Option<&Descriptor> {
        self.descriptors.iter().find(|d| d.number == number)
    }

    /// Looks at a process; `None` when there is none of that pid (any more). Of its descriptors, no more is read than so many bytes.
    ///
    /// The run's own pids are so many pid namespaces below this one: a program can make more, and choose pids there.
    pub(crate) fn read(pid: Pid, below: usize, bytes: &mut usize) -> Option<Self> {
        let folder = PathBuf::from(format!("/proc/{pid}"));
        let stat = Stat::read(&folder.join("stat"))?;
        let any_runs = stat.threads > 1 && proc::any_thread_runs(&folder);
        // Where the first thread has ended, the process lives on in another one.
        let shown = proc::thread_that_lives(&folder, &stat);
        let (folder, state) = shown.unwrap_or((folder, stat.state));
        let (call, state) = proc::call(&folder, state);
        let mut process = Self {
            pid: proc::pids(pid).get(below).copied().unwrap_or(pid),
            host: pid,
            parent: Pid::from_raw(stat.parent),
            state: if any_runs { State::Running } else { state },
            name: stat.name,
            call,
            cpu: stat.cpu,
            reaped_a_child: stat.reaped_a_child,
            descriptors: proc::descriptors(&folder, bytes),
            signals: Signals::read(&folder),
            opening: None,
        };
        if let Some(Wait::Open(address)) = process.wait() {
            process.opening = proc::read_path(pid, address);
        }
        Some(process)
    }
}
