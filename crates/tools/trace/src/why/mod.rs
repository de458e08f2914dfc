//! Why a task sleeps: what it waits for, and who holds the other end.
//!
//! Read in this order: [`Blocked::of`], [`Wait`], [`Blocked::sentence`]; `waits.rs`, what each call waits
//! for; then `knot/`, for when
//! everybody sleeps.

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
    /// A child, or this one, to end or stop.
    Change(Option<Task>),
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

    /// Who holds the end that could wake it, in words.
    fn other_end(&self, model: &Model, wait: &Wait) -> Option<String> {
        let (kind, name) = match wait {
            Wait::Data(Place::Pipe(number)) => (Kind::WriteEnd(*number), "write end"),
            Wait::Room(Place::Pipe(number)) => (Kind::ReadEnd(*number), "read end"),
            Wait::Data(Place::Socket(number)) => match model.sockets.get(number)?.peer {
                Some(peer) if let Some(listener) = model.queued_at(peer) => {
                    return Some(format!(
                        "its connection is in the queue of socket {listener}, and nobody has accepted it yet"
                    ));
                }
                Some(peer) => (Kind::Socket(peer), "other end"),
                None => return self.open_to_all(model, *number),
            },
            Wait::Data(Place::EventFd(number)) | Wait::Room(Place::EventFd(number)) => {
                (Kind::EventFd(*number), "descriptor of it")
            }
            Wait::Room(Place::Socket(number)) => (Kind::Socket(*number), "other end"),
            Wait::Connection(number) => {
                let address = model.sockets.get(number)?.address.as_ref()?;
                return Some(format!("it listens at {address}"));
            }
            Wait::LockOf(holder) if *holder == self.task => {
                return Some(format!("{holder} itself holds it"));
            }
            Wait::LockOf(holder) => {
                return Some(format!("{holder} held it when {} began to wait", self.task));
            }
            Wait::FileLock(_, held) if !held.is_empty() => {
                let held: Vec<String> = held.iter().map(|one| self.holder(model, one)).collect();
                return Some(format!("it is held by {}", list(&held)));
            }
            Wait::FileLock(path, _) => {
                let held = self.holders(model, &Kind::File(path.clone()));
                return (held.len() > 1).then(|| format!("the file is open as {}", list(&held)));
            }
            _ => return None,
        };
        let held = self.holders(model, &kind);
        Some(match (held.len(), name) {
            // A named pipe may never have had one.
            (0, _) if Self::is_of_a_pipe_without_name(model, wait) => {
                format!("no {name} is open any more, so it wakes")
            }
            (0, _) => format!("no {name} is open"),
            (1, _) => format!("{name} still open: {}", held.join("")),
            (_, "descriptor of it") => format!("descriptors of it still open: {}", held.join(", ")),
            _ => format!("{name}s still open: {}", held.join(", ")),
        })
    }

    fn is_of_a_pipe_without_name(model: &Model, wait: &Wait) -> bool {
        let (Wait::Data(Place::Pipe(number)) | Wait::Room(Place::Pipe(number))) = wait else {
            return false;
        };
        model.pipes.get(number).is_some_and(|pipe| pipe.path.is_none())
    }

    /// Who could send to a socket that has no other end.
    fn open_to_all(&self, model: &Model, number: u32) -> Option<String> {
        let socket = model.sockets.get(&number).filter(|socket| socket.takes_from_all())?;
        if let Some(only) = socket.sends_to {
            let held = self.holders(model, &Kind::Socket(only));
            return Some(match held.is_empty() {
                true => format!("it is connected to socket {only}, which is closed"),
                false => format!("only socket {only} may send to it, held as {}", list(&held)),
            });
        }
        let senders: Vec<String> =
            model.senders(number).flat_map(|sender| self.holders(model, &sender)).collect();
        let known = match senders.is_empty() {
            true => String::new(),
            false => format!("; connected to it: {}", senders.join(", ")),
        };
        Some(match &socket.address {
            Some(address) => format!("anybody may send to {address}{known}"),
            None => format!("it was not bound to an address{known}"),
        })
    }

    fn holders(&self, model: &Model, kind: &Kind) -> Vec<String> {
        model.holders(kind).iter().map(|holder| self.holder(model, holder)).collect()
    }

    fn holder(&self, model: &Model, holder: &Holder) -> String {
        match holder {
            Holder::Descriptor(task, fd)
                if model.process_of(*task) == model.process_of(self.task) =>
            {
                format!("fd {fd} of {} itself", model.process_of(*task))
            }
            Holder::Descriptor(task, fd) => format!("fd {fd} of {task}"),
            Holder::Process(task) if *task == model.process_of(self.task) => {
                format!("{task} itself")
            }
            Holder::Process(task) => task.to_string(),
            Holder::InFlight(socket) => format!("one in a message to socket {socket}"),
        }
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
            Self::Change(None) => "a child to end or stop".into(),
            Self::Change(Some(task)) => format!("{task} to end or stop"),
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
