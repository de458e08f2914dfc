//! What the recorder remembers of each thread and each process.

use std::time::Duration;

use nix::unistd::Pid;
use trace::Task;
use trace::call::{Argument, Kind};
use trace::event::Status;

use crate::injecting::Rewound;
use crate::look::{Look, Set};
use crate::prologue::Prologue;
use crate::short::Changed;
use crate::timers::Timers;

/// Whether a task can be let run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// It waits for its turn since that time, and then gets this signal, if it is not 0.
    Ready { since: u64, signal: i32 },
    /// It was let run.
    Runs,
    /// It was let run, and sleeps.
    Sleeps,
    /// A signal has stopped its process.
    Stopped,
    /// It was let run for the last time.
    Ends,
    /// It has ended, and since it is its process's first thread, it is there until the others have.
    Ended,
}

/// A thread.
#[derive(Debug)]
pub(crate) struct Tracee {
    pub(crate) pid: Pid,
    /// The first thread of its process.
    pub(crate) process: Task,
    pub(crate) state: State,
    /// Another one was let run although this one could.
    pub(crate) held: bool,
    /// The call that it is in.
    pub(crate) call: Option<Call>,
    /// The call that a signal has interrupted last, and that may go on as `restart_syscall`.
    pub(crate) interrupted: Option<Call>,
    pub(crate) prologue: Prologue,
    /// How often it has given its turn up by now, and made no other call in between.
    pub(crate) yields: u32,
    /// It was taken out of the call in which it sleeps, since then: another one is before it.
    pub(crate) queued: Option<u64>,
    /// When the time is over for which it sleeps, and for nothing else: see `sleepers.rs`.
    pub(crate) until: Option<Duration>,
    /// It was taken out of it while a process ends, and blocks all signals; before, it blocked these.
    pub(crate) aside: Option<Set>,
    /// The call before which it stands again.
    pub(crate) rewound: Option<Rewound>,
    /// The injection that holds it, by index.
    pub(crate) kept: Option<usize>,
    /// Signals that wait for it, as far as was told.
    pub(crate) pending: Set,
    /// Signals that were told when they were sent.
    pub(crate) sent: Set,
    /// It was let run to take this signal, and has not stopped since.
    pub(crate) takes: Option<i32>,
    /// How many handlers it is in.
    pub(crate) handlers: u32,
    /// How it ends, once it does.
    pub(crate) exit_status: Option<Status>,
    /// Somebody has chosen where it runs, or one that has made it.
    pub(crate) left_alone: bool,
    pub(crate) look: Look,
}

impl Tracee {
    pub(crate) fn new(pid: Pid, process: Task, leader: Pid, state: State) -> Tracee {
        Tracee {
            pid,
            process,
            state,
            held: false,
            call: None,
            interrupted: None,
            prologue: Prologue::Over,
            yields: 0,
            queued: None,
            until: None,
            aside: None,
            rewound: None,
            kept: None,
            pending: 0,
            sent: 0,
            takes: None,
            handlers: 0,
            exit_status: None,
            left_alone: false,
            look: Look::new(leader, pid),
        }
    }

    /// Whether it is inside this call.
    pub(crate) fn is_in(&self, name: &str) -> bool {
        self.call.as_ref().is_some_and(|call| call.name == name)
    }
}

/// A call that was entered.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    /// The same on all machines.
    pub(crate) name: &'static str,
    pub(crate) kinds: &'static [Kind],
    pub(crate) args: [u64; 6],
    pub(crate) arguments: Vec<Argument>,
    /// The flags of fork and its kin, or of a struct sigaction.
    pub(crate) flags: u64,
    /// It was told. Others are told only if they sleep.
    pub(crate) told: bool,
    /// It was told that the task sleeps in it.
    pub(crate) slept: bool,
    /// Which one of its name it is of those that the task has begun; 0: that was not counted.
    pub(crate) nth: u32,
    /// It was begun before, and left off for a signal or to be held.
    pub(crate) anew: bool,
    /// It is not made: the recorder has said what comes of it.
    pub(crate) skipped: bool,
    /// What has another value than the program gave.
    pub(crate) changed: Option<Changed>,
}

impl Call {
    /// Whether it may be how Rust's runtime fills a gap among 0, 1 and 2, which lasts.
    pub(crate) fn fills_a_gap(&self) -> bool {
        let path = self.arguments.iter().find_map(|argument| match argument {
            Argument::Path(path) => Some(path.as_str()),
            _ => None,
        });
        self.name.starts_with("open") && path == Some("/dev/null")
    }

    /// What exec is to execute: a path, and what the program is told.
    pub(crate) fn program(&self) -> (String, Vec<String>) {
        let mut program = (String::new(), Vec::new());
        for argument in &self.arguments {
            match argument {
                Argument::Path(path) => program.0.clone_from(path),
                Argument::Strings(argv) => program.1.clone_from(argv),
                _ => (),
            }
        }
        program
    }
}

/// A signal that was sent, or all those that the kernel sends by itself.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sent {
    /// By whom; `None`: the kernel.
    pub(crate) by: Option<Task>,
    /// Which one `by` has sent.
    pub(crate) signal: i32,
}

/// A process.
#[derive(Debug)]
pub(crate) struct Process {
    pub(crate) pid: Pid,
    /// Who may reap it; `None`: nobody who is recorded.
    pub(crate) parent: Option<Task>,
    pub(crate) stopped: bool,
    /// It has said, with SA_NOCLDWAIT, that it won't wait for its children.
    pub(crate) never_waits: bool,
    pub(crate) timers: Timers,
    /// Signals that wait for any of its threads, as far as was told.
    pub(crate) pending: Set,
    /// Signals that were told when they were sent.
    pub(crate) sent: Set,
    pub(crate) ended: bool,
    pub(crate) reaped: bool,
    /// It has had several threads, or another process's table in common, or somebody who has made it had.
    pub(crate) shares_table: bool,
    /// How many ends, stops and continuations of its children were told, without a SIGCHLD after it.
    pub(crate) news: u32,
}

impl Process {
    pub(crate) fn new(pid: Pid, parent: Option<Task>) -> Process {
        Process {
            pid,
            parent,
            stopped: false,
            never_waits: false,
            timers: Timers::default(),
            pending: 0,
            sent: 0,
            ended: false,
            reaped: false,
            shares_table: false,
            news: 0,
        }
    }
}
