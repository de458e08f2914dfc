//! Runs a program under ptrace(2), one task at a time, and tells what the kernel did.
//!
//! Read in this order: [`record`]; `turns.rs`, the loop that lets one task run until it stops or
//! sleeps; `settle.rs`, who was woken by that; `stops.rs`, what each stop means; `calls.rs`, what
//! follows from a call; `schedule.rs`, who is next; `inject.rs` and `injecting.rs`, what it does to a
//! program besides; `waits.rs` and `outside.rs`,
//! whether anybody can still wake those who sleep; `lines.rs`, on which line of its source a call is; `check.rs`, what is told for
//! `--check`; `processor.rs`, on which processor they run; `terminals.rs`, when what is written to one arrives; `queues.rs`, who of several has what all wait for; `aside.rs`, who sees a process's end as one thing; `sleepers.rs`, when who has slept for a time goes on. `ptrace.rs`, `machine.rs`, `look.rs`, `memory.rs` and `files.rs` ask the kernel.
//!
//! Left out on purpose: 32-bit programs on a 64-bit machine, programs that trace others.
//!
//! Linux only.

mod adopt;
mod aside;
mod borrow;
mod calls;
mod calm;
mod check;
mod clients;
mod counts;
mod decode;
mod diag;
mod ending;
mod family;
mod files;
mod futexes;
#[cfg(feature = "lines")]
mod image;
mod inject;
mod injecting;
mod killers;
#[cfg_attr(not(feature = "lines"), path = "no_lines.rs")]
mod lines;
mod locks;
mod look;
mod machine;
mod makes;
mod memory;
mod messages;
mod names;
mod normal;
mod numbers;
mod others;
mod outside;
mod peers;
mod places;
mod pointed;
mod processor;
mod prologue;
mod ptrace;
mod queues;
mod recording;
mod rights;
mod room;
mod schedule;
mod settle;
mod short;
mod signals;
mod sleepers;
#[cfg(feature = "lines")]
mod source;
mod start;
mod stops;
mod task;
mod terminals;
mod timers;
mod turns;
mod waits;

use std::ffi::OsString;
use std::sync::atomic::AtomicI32;
use std::time::Duration;
use std::{error, fmt, io};

use nix::errno::Errno;
use trace::Task;
use trace::event::Status;

pub use inject::{Deed, Injection, Malformed, Moment};
pub use recording::{follow, record};
pub use schedule::Policy;

/// How to record.
#[derive(Debug, Clone)]
pub struct Options {
    /// Who runs next.
    pub policy: Policy,
    /// What [`Policy::Random`] chooses by.
    pub seed: u64,
    /// Gives the program a terminal of its own, nothing else open and a fixed environment, so that
    /// its recording is the same on any machine. What it writes there goes to standard output.
    pub clean: bool,
    /// Tells all calls, those of the loader and of the runtime too.
    pub all: bool,
    /// Tells what /proc says of each descriptor table whenever all are at rest, for `trace::check`.
    pub check: bool,
    /// Tells on which line of the program each call is: some 100 µs a call. Without the feature `lines`, it doesn't.
    pub lines: bool,
    /// How long everybody may sleep, with nothing to wake them, before they are ended.
    pub patience: Duration,
    /// Nobody who is not recorded comes: to open a FIFO's other end, or to connect. What only that could end is not waited for.
    pub alone: bool,
    /// How long the program may take in all, before it is ended.
    pub deadline: Option<Duration>,
    /// It is ended as soon as this is not 0, which a signal handler may bring about.
    pub stop: Option<&'static AtomicI32>,
    /// What is done to the program.
    pub injections: Vec<Injection>,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            policy: Policy::default(),
            seed: 0,
            clean: false,
            all: false,
            check: false,
            lines: true,
            patience: Duration::from_secs(1),
            alone: false,
            deadline: None,
            stop: None,
            injections: Vec::new(),
        }
    }
}

/// How a recording ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// How the program did: its first process.
    pub status: Status,
    /// Nobody could go on, so the recorder has ended them.
    pub stuck: bool,
    /// It has taken too long, so the recorder has ended it.
    pub late: Option<Late>,
    /// What was different because the program was recorded, a sentence each.
    pub warnings: Vec<String>,
    /// The injections that have not happened, and holds that ended without what they waited for; and why.
    pub unmet: Vec<(Injection, String)>,
}

/// A program at its deadline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Late {
    /// The number of the event before which it was over.
    pub step: u64,
    /// Those who could go on, and on which line of the program they are.
    pub running: Vec<(Task, Option<String>)>,
}

/// Why there is no recording.
#[derive(Debug)]
pub enum Error {
    /// No program was named.
    Nothing,
    /// No process could be made for it.
    Fork(Errno),
    /// There is no terminal for it.
    Terminal(Errno),
    /// The program can't be executed.
    Start {
        /// The program.
        program: OsString,
        /// Why.
        error: io::Error,
    },
    /// The kernel doesn't let the recorder trace.
    Trace(Errno),
    /// A task is to be held, and [`Policy::Free`] leaves it to the kernel who runs.
    HoldsNobody,
    /// The kernel has nothing to tell of tasks that should be there.
    Lost(Errno),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Nothing => write!(f, "cannot record: no program was named"),
            Error::Fork(error) => {
                write!(f, "cannot make a process for the program: {}", error.desc())
            }
            Error::Terminal(error) => {
                write!(f, "cannot make a terminal for the program: {}", error.desc())
            }
            Error::Start { program, error } => {
                write!(f, "cannot run {}: {error}", program.to_string_lossy())
            }
            Error::Trace(error) => write!(
                f,
                "cannot trace the program: {} (a container's seccomp filter, or \
                 /proc/sys/kernel/yama/ptrace_scope, may forbid ptrace)",
                error.desc()
            ),
            Error::HoldsNobody => {
                write!(f, "cannot hold a task: with --policy free, the kernel chooses who runs")
            }
            Error::Lost(error) => write!(f, "cannot wait for the program: {}", error.desc()),
        }
    }
}

impl error::Error for Error {}
