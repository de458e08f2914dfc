//! Why a task sleeps: what it waits for, and who holds the other end.
//!
//! Read in this order: [`Blocked::of`], [`Wait`], [`Blocked::sentence`]; `waits.rs`, what each call waits
//! for; `ends.rs`, who holds the other end; then `knot/`, for when
//! everybody sleeps.

mod ends;
mod waits;

use crate::event::Task;
use crate::model::{Holder, Kind, Model, Place};
use crate::names::{self, list};
use crate::words::call_words;

/// One thing that a sleeping task waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wait {
    /// Something to read.
    Data(Place),
    /// Room for what it writes.
    Room(Place),
    /// Somebody who connects to this socket.
    Connection(u32),
    /// A child, or this one, or this thread, to end.
    Child(Option<Task>),
    /// A child, or this one, to do one of these: `end or stop`.
    Change(Option<Task>, String),
    /// What it has made with `vfork` to exec or end.
    Made(Task),
    /// One of these signals; empty: any.
    Signal(Vec<i32>),
    /// Time to pass, in nanoseconds.
    Time(u64),
    /// A lock of its own process.
    Lock,
    /// A lock in memory that processes may share.
    SharedLock,
    /// A lock that this task held when the wait began.
    LockOf(Task),
    /// What somebody types, or a program writes to a terminal, which is this one.
    Typed(String),
    /// A message in the queue with this name, or room for one.
    Queue(String, bool),
    /// A lock on a file, and who holds one that is in its way, as far as that is known.
    FileLock(String, Vec<Holder>),
    /// Something else, in words that follow "waits for".
    Other(String),
}

/// A task that sleeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blocked {
    /// Who.
    pub task: Task,
    /// In which call, shortly: `read(3)`.
    pub call: String,
    /// For what: the first that comes is enough.
    pub waits: Vec<Wait>,
    /// It goes on after so many nanoseconds in any case.
    pub at_most: Option<u64>,
}

impl Blocked {
    /// What a task waits for that is in a call. Whether it sleeps there, the model's states say.
    #[must_use]
    pub fn of(model: &Model, task: Task) -> Option<Self> {
        let call = model.threads.get(&task)?.call.as_ref()?;
        let (waits, at_most) = waits::of(model, task, call);
        Some(Self { task, call: call_words(&call.name, &call.arguments, false), waits, at_most })
    }

    /// `data in pipe 1`, `a connection on socket 1 or data in pipe 2`.
    #[must_use]
    pub fn awaited(&self) -> String {
        let waits: Vec<String> = self.waits.iter().map(Wait::words).collect();
        match (waits.split_last(), self.at_most) {
            (None, Some(time)) => format!("{} to pass", names::time(time)),
            (None, None) => "something that nobody can do".into(),
            (Some((last, [])), None) => last.clone(),
            (Some((last, [])), Some(time)) => format!("{last}, at most {}", names::time(time)),
            (Some((last, most)), time) => {
                let time = time
                    .map_or_else(String::new, |time| format!(", at most {}", names::time(time)));
                format!("{} or {last}{time}", most.join(", "))
            }
        }
    }

    /// `P2 is blocked in read(3): waits for data in pipe 1; write ends still open: fd 4 of P1, fd 4
    /// of P2 itself`.
    #[must_use]
    pub fn sentence(&self, model: &Model) -> String {
        let mut sentence =
            format!("{} is blocked in {}: waits for {}", self.task, self.call, self.awaited());
        for wait in &self.waits {
            if let Some(held) = self.other_end(model, wait) {
                sentence += "; ";
                sentence += &held;
            }
        }
        sentence
    }

    /// What follows what is awaited, if nobody but its own process could bring it.
    #[must_use]
    pub fn alone(&self, model: &Model) -> String {
        let process = model.process_of(self.task);
        let (kind, does) = match self.waits.as_slice() {
            [Wait::Data(Place::Pipe(number))] => (Kind::WriteEnd(*number), "write"),
            [Wait::Room(Place::Pipe(number))] => (Kind::ReadEnd(*number), "make"),
            _ => return String::new(),
        };
        let own = |holder: &Holder| matches!(holder, Holder::Descriptor(task, _) if model.process_of(*task) == process);
        let holders = model.holders(&kind);
        if holders.is_empty() || !holders.iter().all(own) {
            return String::new();
        }
        format!(", and only {process} itself could {does} it")
    }
}

impl Wait {
    /// What follows "waits for".
    #[must_use]
    pub fn words(&self) -> String {
        match self {
            Self::Data(Place::Pipe(number)) => format!("data in pipe {number}"),
            Self::Data(Place::Socket(number)) => format!("data on socket {number}"),
            Self::Room(place @ Place::Pipe(_)) => format!("room in {place}"),
            Self::Room(Place::Socket(number)) => format!("room at socket {number}"),
            Self::Data(place @ Place::EventFd(_)) => format!("{place} to be above 0"),
            Self::Room(place @ Place::EventFd(_)) => format!("{place} to be read"),
            Self::Connection(socket) => format!("a connection on socket {socket}"),
            Self::Child(None) => "a child to end".into(),
            Self::Child(Some(task)) => format!("{task} to end"),
            Self::Change(None, what) => format!("a child to {what}"),
            Self::Change(Some(task), what) => format!("{task} to {what}"),
            Self::Made(task) => format!("{task} to exec or end"),
            Self::Signal(signals) if signals.is_empty() => "a signal".into(),
            Self::Signal(signals) if names::signals(signals).starts_with("all") => names::signals(
                signals,
            )
            .replacen("all signals", "any signal", 1)
            .replacen("all but", "any signal but", 1),
            Self::Signal(signals) => {
                let names: Vec<String> =
                    signals.iter().map(|signal| names::signal(*signal)).collect();
                names.join(" or ")
            }
            Self::Time(time) => format!("{} to pass", names::time(*time)),
            Self::Lock | Self::LockOf(_) => "a lock".into(),
            Self::SharedLock => "a lock that processes may share".into(),
            Self::FileLock(path, _) => format!("a lock on {path}"),
            Self::Typed(path) => format!("something to read from {path}"),
            Self::Queue(name, true) => format!("a message in {name}"),
            Self::Queue(name, false) => format!("room in {name}"),
            Self::Other(what) => what.clone(),
        }
    }
}

/// Everybody who sleeps, a sentence each.
#[must_use]
pub fn sleepers(model: &Model) -> Vec<Blocked> {
    let sleeping = |task: &Task| model.state(*task) == Some(crate::model::State::Sleeping);
    let tasks = model.threads.keys().copied().filter(sleeping);
    tasks.filter_map(|task| Blocked::of(model, task)).collect()
}

/// What everybody who sleeps waits for, in one sentence each.
#[must_use]
pub fn explain(model: &Model) -> String {
    list(&sleepers(model).iter().map(|blocked| blocked.sentence(model)).collect::<Vec<_>>())
}
