//! Processes, their threads, and what these are doing.

use std::collections::{BTreeMap, BTreeSet};

use crate::call::Argument;
use crate::event::{Disposition, Status, Task};

/// What a thread is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// It runs.
    Running,
    /// It could run, and the recorder lets another one run first.
    Held,
    /// It sleeps in a call.
    Sleeping,
    /// A signal has stopped its process.
    Stopped(i32),
    /// It runs a signal handler: these, the innermost last.
    InHandler(Vec<i32>),
    /// It has ended, and nobody has asked how.
    Zombie(Status),
    /// It is gone.
    Reaped(Status),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Activity {
    Running,
    Held,
    Sleeping,
    Ended(Status),
}

/// A call that has begun and not returned.
#[derive(Debug, Clone)]
pub struct OpenCall {
    /// Its name.
    pub name: String,
    /// What went in.
    pub arguments: Vec<Argument>,
    /// The line of the program that it is on.
    pub line: Option<String>,
    /// Whom it has made, where it makes somebody.
    pub made: Option<Task>,
    /// It holds its thread until whom it has made execs or ends: `vfork(2)`.
    pub waits_for_made: bool,
    /// What it does was seen before it returned.
    pub(crate) done: bool,
    /// The recorder makes it fail: the kernel does nothing of it.
    pub(crate) not_made: bool,
    /// The step after which it has begun.
    pub(super) since: u64,
    /// What others have done meanwhile with what it may have opened.
    pub(super) early: super::early::Early,
}

/// A handler that runs.
#[derive(Debug, Clone)]
pub struct Frame {
    /// The signal that it handles.
    pub signal: i32,
    pub(crate) mask: BTreeSet<i32>,
}

/// A thread.
#[derive(Debug, Clone)]
pub struct Thread {
    /// The process that it belongs to, by its first thread.
    pub process: Task,
    /// The call that it is in.
    pub call: Option<OpenCall>,
    /// The handlers that it is in, the innermost last.
    pub handlers: Vec<Frame>,
    /// The signals that wait outside.
    pub mask: BTreeSet<i32>,
    /// What waits outside instead, as long as a call lasts that was given a mask of its own, and until
    /// the handler runs that it let in.
    pub(crate) instead: Option<BTreeSet<i32>>,
    /// The signals that have been sent and have not come through, and who sent them.
    pub pending: Vec<(i32, Option<Task>)>,
    /// Its descriptor table; threads mostly share one.
    pub table: u32,
    pub(crate) activity: Activity,
    /// This signal has come through, and nothing was heard of the thread since.
    pub(crate) takes: Option<i32>,
    /// Its end is decided: a signal that kills, `exit`.
    pub(crate) dying: bool,
}

/// What is set for a signal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Action {
    /// What happens.
    pub disposition: Disposition,
    /// Whether a call that it interrupts begins again by itself.
    pub restart: bool,
    /// What waits outside while the handler runs, besides the signal itself.
    pub mask: BTreeSet<i32>,
}

/// A process.
#[derive(Debug, Clone)]
pub struct Process {
    /// Who is told of its end; `None`: somebody outside the recording.
    pub parent: Option<Task>,
    /// The program that it runs, without the folders.
    pub name: String,
    /// What is set for each signal; what isn't here is at its default.
    pub actions: BTreeMap<i32, Action>,
    /// The signal that has stopped it.
    pub stopped: Option<i32>,
    /// How it has ended.
    pub status: Option<Status>,
    /// Whether nobody can ask after it any more.
    pub reaped: bool,
    /// It adopts the orphans below it.
    pub(crate) subreaper: bool,
    /// How many times it could have been told of a child: SIGCHLD.
    pub(crate) news: u32,
}

impl Process {
    pub(crate) fn new(parent: Option<Task>, name: String) -> Self {
        Self {
            parent,
            name,
            actions: BTreeMap::new(),
            stopped: None,
            status: None,
            reaped: false,
            subreaper: false,
            news: 0,
        }
    }
}

impl Thread {
    pub(crate) fn new(process: Task, table: u32) -> Self {
        Self {
            process,
            call: None,
            handlers: Vec::new(),
            mask: BTreeSet::new(),
            instead: None,
            pending: Vec::new(),
            table,
            activity: Activity::Running,
            takes: None,
            dying: false,
        }
    }

    /// Which signals wait outside now: what the call that it is in blocks counts, where that says.
    #[must_use]
    pub fn blocked(&self) -> &BTreeSet<i32> {
        self.instead.as_ref().unwrap_or(&self.mask)
    }

    /// Whether a signal waits outside now.
    #[must_use]
    pub fn blocks(&self, signal: i32) -> bool {
        self.blocked().contains(&signal)
    }

    /// Whether it has not ended.
    #[must_use]
    pub fn lives(&self) -> bool {
        !matches!(self.activity, Activity::Ended(_))
    }

    /// Whether it is in a call that closes descriptors, or on its way out: what it holds may be gone.
    pub(crate) fn lets_go(&self) -> bool {
        const CALLS: [&str; 8] =
            ["close", "close_range", "dup2", "dup3", "execve", "execveat", "exit", "exit_group"];
        self.dying || self.call.as_ref().is_some_and(|call| CALLS.contains(&call.name.as_str()))
    }
}

/// The last part of a path.
pub(crate) fn program(path: &str) -> String {
    path.rsplit('/').next().unwrap_or(path).to_owned()
}
