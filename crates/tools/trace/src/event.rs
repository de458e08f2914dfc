//! What a recording consists of: one event a line, each a JSON object.
//!
//! ```text
//! {"step":0,"task":1,"what":"begin","version":1,"argv":["pipe_hello"],"policy":"run-to-block","seed":0}
//! {"step":1,"task":1,"what":"enter","name":"pipe2","arguments":["out",{"flags":524288}]}
//! {"step":2,"task":1,"what":"leave","name":"pipe2","result":{"value":0},"arguments":[{"descriptors":[3,4]},{"flags":524288}]}
//! ```
//!
//! The order of the lines is the order in which things happened, causes before effects. There are no
//! pids, no addresses and no times in it, so two runs that did the same have the same recording.
//! [`VERSION`] changes when an old reader would misunderstand a new recording; a reader skips the
//! fields that it doesn't know, and refuses events that it doesn't know.

use std::fmt;
use std::io::{self, BufRead, Write};

use serde::{Deserialize, Serialize};

use crate::call::Argument;

/// The version of the form that is described here.
pub const VERSION: u32 = 1;

/// A thread, numbered from 1 in the order of appearance. A process is known by its first thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Task(pub u32);

impl Task {
    /// Anybody who is not recorded: the first process's parent, another user's process.
    pub const OUTSIDE: Task = Task(0);
}

impl fmt::Display for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "P{}", self.0)
    }
}

/// One line of a recording.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Its number, from 0.
    pub step: u64,
    /// Whose doing it is, or to whom it happens.
    pub task: Task,
    /// What happens.
    #[serde(flatten)]
    pub what: What,
}

/// What happens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "kebab-case")]
pub enum What {
    /// The recording begins: the first event, and the first task.
    Begin {
        /// [`VERSION`].
        version: u32,
        /// The program and its arguments.
        argv: Vec<String>,
        /// By which rule the recorder chose who runs: `free` if it left that to the kernel.
        policy: String,
        /// What it chose by, where it chose at random.
        seed: u64,
    },
    /// A task's first event: its parent's call has made it.
    Born {
        /// Who made it.
        parent: Task,
        /// The first thread of the process that it belongs to: itself, unless it is a further thread.
        process: Task,
        /// Both have one descriptor table, not two equal ones.
        shares_files: bool,
        /// Its maker is held by the kernel until it execs or ends, as `vfork(2)` has it.
        maker_waits: bool,
        /// It is not its maker's child, but the child of its maker's parent (CLONE_PARENT).
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        sibling: bool,
    },
    /// A call begins.
    Enter {
        /// Its name, the same on all machines: `pipe2`, `poll`, `fork`.
        name: String,
        /// What goes in. What only comes out is [`Argument::Out`].
        arguments: Vec<Argument>,
        /// Which line of the program it is on, where that is known: `src/bin/pipe_hello.rs:17`.
        ///
        /// Of the functions that have not returned it is the innermost one in the program's own sources, and
        /// the path is the one in its package: neither depends on where the sources lie. The program's
        /// own is the file with `main`; or the whole package, if that file is `main.rs` or has the package's name.
        /// Where nothing of it is among them, the line is the innermost in another package that cargo has
        /// not downloaded, with that one's name in front: `fork/src/lib.rs:40`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        line: Option<String>,
    },
    /// The task sleeps in the call that it has entered.
    Sleeps,
    /// It could go on, and the recorder lets another one run first.
    Held,
    /// It goes on.
    Runs,
    /// The connection that its `accept` is about to return is the one that this task has asked for. Told in free
    /// order, where several may ask at the same time, and where it isn't the one that was asked for first.
    Connected {
        /// Who has called `connect`.
        by: Task,
    },
    /// It was given a descriptor of the task that its call has just made (CLONE_PIDFD).
    Pidfd {
        /// Its number.
        number: i32,
        /// Whom it stands for.
        of: Task,
    },
    /// The call is over.
    Leave {
        /// As in `Enter`.
        name: String,
        /// What came of it.
        result: Outcome,
        /// As in `Enter`, and what came out.
        arguments: Vec<Argument>,
    },
    /// exec has succeeded: the process has one thread again, this one, and runs another program.
    Exec {
        /// The program's path.
        path: String,
        /// What it is told.
        argv: Vec<String>,
    },
    /// A signal was sent, and waits outside because it is blocked, or until the task may take it.
    Signalled {
        /// Its number.
        signal: i32,
        /// Who sent it; `None`: the kernel.
        by: Option<Task>,
    },
    /// A signal has come through: what was set for it happens now.
    Delivered {
        /// Its number.
        signal: i32,
        /// What is set for it.
        disposition: Disposition,
    },
    /// The handler that ran has returned.
    HandlerReturns,
    /// A signal stops the whole process.
    Stopped {
        /// SIGSTOP, SIGTSTP, SIGTTIN or SIGTTOU.
        signal: i32,
    },
    /// SIGCONT lets it go on.
    Continued,
    /// The task has ended. If it was the last of its process, that is a zombie now.
    Ended {
        /// How.
        status: Status,
    },
    /// A process was reaped: nobody can ask after it any more.
    Reaped {
        /// By whom; `None`: by the kernel, since nobody wants to know.
        by: Option<Task>,
    },
    /// What /proc says of the task's descriptors: at the beginning, and where the recorder finds that
    /// events alone don't explain them.
    Descriptors {
        /// The whole table, lowest number first.
        table: Vec<Descriptor>,
    },
    /// The recorder does something to the task, which nothing in the program has asked for.
    Injected {
        /// The call that it is about: the one that was entered, or the one that would come next.
        call: String,
        /// What it does.
        deed: Injected,
    },
    /// Everybody sleeps, and nothing that anybody waits for can happen any more.
    Stuck,
    /// The recording ends: all have ended, or the recorder has ended them.
    End,
}

/// What the recorder does to a task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Injected {
    /// The call that was entered is not made, and fails with this: `EAGAIN`.
    Fails(String),
    /// The call that was entered is made with this count in the place of the program's own.
    Short(u64),
    /// It is sent this signal before the call begins. `Signalled` follows.
    Signal(i32),
    /// It is held before the call begins. `Held` follows, and `Runs` when it is let go.
    Holds,
}

/// What came of a call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It returned this.
    Value(i64),
    /// It made or found this task: `fork`, `wait4`, `getpid`.
    Task(Task),
    /// It failed: `EAGAIN`.
    Error(String),
    /// A signal interrupted it, before anything was done. Whether it begins again by itself depends
    /// on what comes next: a handler without SA_RESTART makes it `EINTR`.
    Interrupted,
}

/// What a process does with a signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Disposition {
    /// What signal(7) says.
    Default,
    /// Nothing.
    Ignore,
    /// A function runs.
    Handler,
}

/// How a task ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// It called `exit` with this.
    Code(u8),
    /// This signal killed it.
    Signal(i32),
}

/// A line of a descriptor table, as /proc has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Descriptor {
    /// Its number.
    pub number: i32,
    /// What it leads to: a path, or a kind and a number that is the same for all who lead to the same,
    /// counted from 1 in the order of appearance: `pipe:[1]`, `socket:[2]`.
    pub leads_to: String,
    /// The open file description: the same number, the same description, in all tables that follow
    /// each other without another event between.
    pub description: u32,
    /// Whether exec closes it.
    pub close_on_exec: bool,
    /// Its status flags and access mode, as `fcntl(F_GETFL)` gives them.
    pub flags: u32,
}

/// Reads a recording.
///
/// # Errors
/// `InvalidData`, with the line's number: it is no event, or the recording has another version.
pub fn read(from: impl BufRead) -> io::Result<Vec<Event>> {
    let mut events = Vec::new();
    for (number, line) in (1..).zip(from.lines()) {
        let invalid = |why: String| {
            io::Error::new(io::ErrorKind::InvalidData, format!("line {number}: {why}"))
        };
        let event: Event =
            serde_json::from_str(&line?).map_err(|error| invalid(error.to_string()))?;
        if let What::Begin { version, .. } = event.what
            && version != VERSION
        {
            return Err(invalid(format!("version {version}; this program reads {VERSION}")));
        }
        events.push(event);
    }
    Ok(events)
}

/// Writes one event, on a line of its own.
///
/// # Errors
/// Those of writing.
pub fn write(event: &Event, to: &mut impl Write) -> io::Result<()> {
    serde_json::to_writer(&mut *to, event)?;
    to.write_all(b"\n")
}
