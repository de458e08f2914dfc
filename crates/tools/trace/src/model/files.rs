//! Descriptors, and what they lead to.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::channel::Channel;
use crate::event::Task;

/// A descriptor table: number by number.
#[derive(Debug, Clone, Default)]
pub struct Table {
    /// Its open descriptors.
    pub slots: BTreeMap<i32, Slot>,
    /// Nobody has said yet what is in it; [`Model`](super::Model) took the usual three for granted.
    pub(crate) guessed: bool,
    /// Others were changing it when it was copied, or when they were ended; and who has had it then. What /proc says of it next
    /// is not held against it.
    pub(crate) unsure: Option<Task>,
    /// Its numbers that several calls have changed at the same time, in an order that nobody knows: they may be open, or not.
    pub(crate) doubtful: BTreeSet<i32>,
    /// By whose call's return each number was changed last, and at which step.
    pub(crate) changed: BTreeMap<i32, (Task, u64)>,
}

/// One descriptor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slot {
    /// The open file description that it leads to.
    pub description: u32,
    /// Whether exec closes it.
    pub close_on_exec: bool,
}

/// An open file description: what `dup`, `fork` and a message (SCM_RIGHTS) share.
#[derive(Debug, Clone)]
pub struct Description {
    /// What it is.
    pub kind: Kind,
    /// Its status flags and access mode, as `fcntl(F_GETFL)` gives them.
    pub flags: u64,
    /// What an epoll instance watches: the descriptor it was told, and the description behind it.
    pub watches: BTreeMap<i32, u32>,
    /// Which signals a signalfd takes.
    pub signals: BTreeSet<i32>,
}

/// What an open file description is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// The end that is read, of the pipe with this number.
    ReadEnd(u32),
    /// The end that is written.
    WriteEnd(u32),
    /// Both ends of a named pipe, opened to be read and written.
    BothEnds(u32),
    /// The socket with this number.
    Socket(u32),
    /// A file by its path, as the program wrote it or as /proc has it.
    File(String),
    /// An epoll instance.
    Epoll,
    /// The counter with this number.
    EventFd(u32),
    /// Signals to read.
    SignalFd,
    /// A clock to read.
    TimerFd,
    /// A process.
    PidFd(Option<Task>),
    /// Something that was there before the recording began, whose other end nobody here has seen.
    Outside(String),
    /// Anything else, by its name in /proc.
    Other(String),
}

/// A pipe.
#[derive(Debug, Clone)]
pub struct Pipe {
    /// What is in it.
    pub channel: Channel,
    /// Where it lies, if it has a name: mkfifo(3).
    pub path: Option<String>,
}

/// A socket.
#[derive(Debug, Clone, Default)]
pub struct Socket {
    /// What it has received, and nobody has read.
    pub received: Channel,
    /// The socket at the other end, where that belongs to the recording.
    pub peer: Option<u32>,
    /// Where it was bound to.
    pub address: Option<String>,
    /// Whether it takes connections.
    pub listening: bool,
    /// Connections that nobody has accepted: the sockets at this end of them.
    pub queue: VecDeque<u32>,
    /// Who has asked for this end of a connection to be made.
    pub(crate) asked_by: Option<Task>,
    /// Who has called `connect` and not yet heard of the outcome.
    pub(crate) connecting: BTreeMap<Task, u32>,
    /// Where it sends messages to that don't say to whom.
    pub(crate) sends_to: Option<u32>,
    /// Who has sent the messages that it has received.
    pub(crate) senders: VecDeque<u32>,
    /// Descriptions on their way to it (SCM_RIGHTS), message by message, and who has sent them.
    pub in_flight: VecDeque<(Task, Vec<u32>)>,
    /// It sends no more: `shutdown`, or all its descriptors are closed.
    pub sends_no_more: bool,
    /// Whoever reads from it finds what has come, and then the end: `shutdown`.
    pub(crate) hears_no_more: bool,
    /// All its descriptors are closed.
    pub closed: bool,
    /// Others may listen at its address too: SO_REUSEPORT.
    pub(crate) shares_port: bool,
    /// It was connected from outside or before the recording.
    pub foreign: bool,
    /// It is of a kind that keeps the borders between messages.
    pub(crate) messages: bool,
}

impl Kind {
    /// Whether who reaches this reaches that too: both ends of a pipe are each of them.
    pub(crate) fn is(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::BothEnds(pipe), Self::ReadEnd(end) | Self::WriteEnd(end)) => pipe == end,
            _ => self == other,
        }
    }

    /// The pipe that it is an end of.
    pub(crate) fn pipe(&self) -> Option<u32> {
        match self {
            Self::ReadEnd(pipe) | Self::WriteEnd(pipe) | Self::BothEnds(pipe) => Some(*pipe),
            _ => None,
        }
    }
}

impl Socket {
    pub(crate) fn new(messages: bool) -> Self {
        let received = if messages { Channel::of_messages() } else { Channel::default() };
        Self { received, messages, ..Self::default() }
    }
}

/// Who can reach an open file description.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Holder {
    /// A descriptor of a task (of the first one that has the table).
    Descriptor(Task, i32),
    /// It is in a message that this socket has not received yet.
    InFlight(u32),
    /// The whole process: a lock of fcntl(2) belongs to no descriptor.
    Process(Task),
}

/// Something that bytes go into and come out of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place {
    /// The pipe with this number.
    Pipe(u32),
    /// What the socket with this number receives.
    Socket(u32),
    /// The eventfd with this number, which has a count in the place of bytes.
    EventFd(u32),
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Pipe(number) => write!(f, "pipe {number}"),
            Self::Socket(number) => write!(f, "socket {number}"),
            Self::EventFd(number) => write!(f, "eventfd {number}"),
        }
    }
}
