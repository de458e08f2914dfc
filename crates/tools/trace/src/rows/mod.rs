//! The rows of a picture: what text, SVG and HTML draw alike.
//!
//! Read in this order: [`Rows`], [`Row`]; `build.rs`, how events become rows, and
//! `lives.rs`, those about tasks and signals; `wakes.rs`, who wakes whom; `gates.rs`, which signals
//! wait; `notes.rs`, what is said beside them; `fold.rs`, `files.rs` and `repeats.rs`, how long stretches become short ones.
//!
//! A call that returned at once is one row, where it returned. One that slept is two: where it went
//! to sleep, and where it went on. Time runs down, and a row's place says nothing of how long.

mod build;
mod calls;
mod files;
mod fold;
mod gates;
mod lives;
mod notes;
mod repeats;
mod wakes;

use std::collections::{BTreeMap, BTreeSet};

use crate::event::{Event, Task};
use crate::model::{Model, State};

pub use gates::Gate;
pub(crate) use gates::{gates, matters};

/// A picture's rows.
#[derive(Debug, Clone, Default)]
pub struct Rows {
    /// The tasks, in the order of their appearance.
    pub columns: Vec<Column>,
    /// The rows, first things first.
    pub rows: Vec<Row>,
    /// By which rule the recorder chose who runs.
    pub policy: String,
    /// What it chose by, where it chose at random.
    pub seed: u64,
}

/// A task.
#[derive(Debug, Clone)]
pub struct Column {
    /// Which.
    pub task: Task,
    /// The process that it belongs to.
    pub process: Task,
    /// `P2 cat`: by the program that it ran first.
    pub title: String,
}

/// One row.
#[derive(Debug, Clone)]
pub struct Row {
    /// Its number, from 1. Where rows are folded, numbers are left out.
    pub number: u64,
    /// The step with which it begins.
    pub first: u64,
    /// The step with which it is complete: views show the model as it is after that one.
    pub last: u64,
    /// Whose doing it is, or to whom it happens.
    pub task: Task,
    /// What it is.
    pub kind: RowKind,
    /// What happens, shortly: `write(4, "hello\n") = 6`.
    pub label: String,
    /// What that means: `6 bytes into pipe 1`.
    pub note: Option<String>,
    /// The step in one sentence.
    pub sentence: String,
    /// Whom it reaches.
    pub arrows: Vec<Arrow>,
    /// What each task is doing after it.
    pub marks: BTreeMap<Task, Mark>,
    /// Whose signals wait outside after it, or would.
    pub gates: BTreeMap<Task, Gate>,
    /// The line of the program that it is on.
    pub line: Option<String>,
    /// What can't have happened, if the recording says so all the same.
    pub problem: Option<String>,
    /// The call's name.
    pub call: Option<String>,
    /// The recorder has done something here that nothing in the program has asked for.
    pub injected: bool,
    /// What was folded into it.
    pub(crate) inside: Inside,
    /// What makes rows alike: the call, and what it works on.
    pub(crate) key: (String, String),
}

/// What was folded into a row.
#[derive(Debug, Clone, Default)]
pub(crate) struct Inside {
    /// How much that is in all: `788 calls, on 378 files`.
    pub(crate) all: String,
    /// What the labels are: `files`.
    pub(crate) of: &'static str,
    /// What is told of, one by one.
    pub(crate) labels: Vec<String>,
}

/// What a row is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowKind {
    /// The recording begins.
    Begin,
    /// A call that returned at once.
    Call,
    /// A call that sleeps.
    Waits,
    /// It returns.
    GoesOn,
    /// A task is made.
    Makes,
    /// A process becomes another program.
    Exec,
    /// A signal comes through.
    Signal,
    /// A signal waits outside.
    Pending,
    /// A handler returns.
    HandlerReturns,
    /// The recorder does something to a task.
    Injected,
    /// A process is stopped.
    Stopped,
    /// It is continued.
    Continued,
    /// A task ends.
    Ended,
    /// Rows that repeat those above, so many times.
    Folded(u64),
    /// The calls of the loader and the runtime, so many.
    Prologue(u64),
    /// Everybody sleeps for good.
    Stuck,
    /// Something about the recording itself.
    Remark,
}

/// From a row's task to another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arrow {
    /// Whom it reaches.
    pub to: Task,
    /// What it says.
    pub kind: ArrowKind,
}

/// What an arrow says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ArrowKind {
    /// It makes that task.
    Makes,
    /// It sends a signal there, which may be to itself, or the kernel tells of its end.
    Signal,
    /// A signal comes to it that nobody in the picture has sent: from its own alarm, from outside.
    Comes,
    /// It does what that task sleeps for.
    Wakes,
    /// It reaps that process.
    Reaps,
}

/// What a task is doing, as a picture shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// It runs.
    Running,
    /// It could run, and is held.
    Held,
    /// It sleeps in a call.
    Sleeping,
    /// It is stopped.
    Stopped,
    /// It runs a signal handler.
    Handler,
    /// It has ended and is not reaped.
    Zombie,
    /// It is gone.
    Gone,
}

impl Row {
    /// Whether it sends a signal to its own task.
    pub(crate) fn signals_itself(&self) -> bool {
        self.arrows.contains(&Arrow { to: self.task, kind: ArrowKind::Signal })
    }
}

impl Mark {
    fn of(state: &State) -> Self {
        match state {
            State::Running => Self::Running,
            State::Held => Self::Held,
            State::Sleeping => Self::Sleeping,
            State::Stopped(_) => Self::Stopped,
            State::InHandler(_) => Self::Handler,
            State::Zombie(_) => Self::Zombie,
            State::Reaped(_) => Self::Gone,
        }
    }
}

impl Rows {
    /// The rows of a recording, its long stretches folded.
    #[must_use]
    pub fn of(events: &[Event]) -> Self {
        let mut rows = Self::whole(events);
        fold::prologue(&mut rows.rows);
        rows.rows = repeats::repeats(&files::looks(std::mem::take(&mut rows.rows)));
        rows
    }

    /// The rows of a recording, every one of them.
    #[must_use]
    pub fn whole(events: &[Event]) -> Self {
        build::Builder::follow(events)
    }
}

/// Who has ended and has no parent here is gone: nobody here could reap it.
fn marks(model: &Model, present: &BTreeSet<Task>) -> BTreeMap<Task, Mark> {
    let orphan = |task: &Task| model.processes.get(task).is_none_or(|found| found.parent.is_none());
    let mark = |task: &Task| match Mark::of(&model.state(*task)?) {
        Mark::Zombie if orphan(task) => Some(Mark::Gone),
        mark => Some(mark),
    };
    present.iter().filter_map(|task| Some((*task, mark(task)?))).collect()
}
