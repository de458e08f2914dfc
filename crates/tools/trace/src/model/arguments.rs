//! A call's arguments, by place and by what they are.

use crate::call::Argument;
use crate::event::{Disposition, Status, Task};

/// The arguments of one call.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Arguments<'a>(pub(crate) &'a [Argument]);

impl<'a> Arguments<'a> {
    pub(crate) fn get(self, index: usize) -> Option<&'a Argument> {
        self.0.get(index)
    }

    pub(crate) fn fd(self, index: usize) -> Option<i32> {
        match self.get(index)? {
            Argument::Descriptor(fd) => Some(*fd),
            Argument::Number(number) => i32::try_from(*number).ok(),
            _ => None,
        }
    }

    pub(crate) fn number(self, index: usize) -> Option<i64> {
        match self.get(index)? {
            Argument::Number(number) => Some(*number),
            Argument::Flags(bits) => Some(*bits as i64),
            Argument::Descriptor(fd) => Some(i64::from(*fd)),
            _ => None,
        }
    }

    pub(crate) fn flags(self, index: usize) -> u64 {
        self.number(index).unwrap_or(0) as u64
    }

    pub(crate) fn task(self, index: usize) -> Option<Task> {
        match self.get(index)? {
            Argument::Task(task) => Some(*task),
            _ => None,
        }
    }

    /// Who holds the lock at this place.
    pub(crate) fn holder(self, index: usize) -> Option<Task> {
        match self.get(index)? {
            Argument::Holder(task) => Some(*task),
            _ => None,
        }
    }

    pub(crate) fn path(self, index: usize) -> Option<&'a str> {
        match self.get(index)? {
            Argument::Path(path) | Argument::Fifo(path) => Some(path),
            _ => None,
        }
    }

    /// The named pipe that a path leads to.
    pub(crate) fn fifo(self) -> Option<&'a str> {
        self.find(|argument| match argument {
            Argument::Fifo(path) => Some(path.as_str()),
            _ => None,
        })
    }

    /// What an eventfd's count changes by.
    pub(crate) fn count(self) -> Option<u64> {
        self.find(|argument| match argument {
            Argument::Count(count) => Some(*count),
            _ => None,
        })
    }

    pub(crate) fn signal(self, index: usize) -> Option<i32> {
        match self.get(index)? {
            Argument::Signal(signal) => Some(*signal),
            Argument::Number(number) => i32::try_from(*number).ok(),
            _ => None,
        }
    }

    pub(crate) fn set(self, index: usize) -> Option<&'a [i32]> {
        match self.get(index)? {
            Argument::Set(set) => Some(set),
            _ => None,
        }
    }

    fn find<T>(self, what: impl FnMut(&'a Argument) -> Option<T>) -> Option<T> {
        self.0.iter().find_map(what)
    }

    /// The two descriptors that it was given.
    pub(crate) fn pair(self) -> Option<(i32, i32)> {
        self.find(|argument| match argument {
            Argument::Descriptors(pair) => Some((*pair.first()?, *pair.get(1)?)),
            _ => None,
        })
    }

    /// The bytes that go or come, and how many they are.
    pub(crate) fn bytes(self) -> Option<(&'a str, u64)> {
        self.find(|argument| match argument {
            Argument::Bytes(text, total) => Some((text.as_str(), *total)),
            _ => None,
        })
    }

    pub(crate) fn address(self) -> Option<&'a str> {
        self.find(|argument| match argument {
            Argument::Address(address) => Some(address.as_str()),
            _ => None,
        })
    }

    /// Whether a lock is for writing, `None` if it is taken away, and which bytes it is about.
    pub(crate) fn lock(self) -> Option<(Option<bool>, i64, i64)> {
        self.find(|argument| match argument {
            Argument::Lock(exclusive, from, to) => Some((*exclusive, *from, *to)),
            _ => None,
        })
    }

    /// How long each of several messages is, and where it goes.
    pub(crate) fn messages(self) -> Option<&'a [(u64, Option<String>)]> {
        self.find(|argument| match argument {
            Argument::Messages(messages) => Some(messages.as_slice()),
            _ => None,
        })
    }

    /// The descriptors that go with a message, or with each of several.
    pub(crate) fn passed(self) -> impl DoubleEndedIterator<Item = &'a [i32]> {
        self.0.iter().filter_map(|argument| match argument {
            Argument::Passed(passed) => Some(passed.as_slice()),
            _ => None,
        })
    }

    pub(crate) fn signals(self) -> Option<&'a [i32]> {
        self.find(|argument| match argument {
            Argument::Signals(signals) => Some(signals.as_slice()),
            _ => None,
        })
    }

    pub(crate) fn action(self) -> Option<(Disposition, bool, &'a [i32])> {
        self.find(|argument| match argument {
            Argument::Action(disposition, restart, mask) => {
                Some((*disposition, *restart, mask.as_slice()))
            }
            _ => None,
        })
    }

    pub(crate) fn polled(self) -> Option<&'a [(i32, u16, u16)]> {
        self.find(|argument| match argument {
            Argument::Polled(polled) => Some(polled.as_slice()),
            _ => None,
        })
    }

    pub(crate) fn status(self) -> Option<Status> {
        self.find(|argument| match argument {
            Argument::Status(status) => Some(*status),
            _ => None,
        })
    }

    /// A time in nanoseconds, wherever it stands.
    pub(crate) fn time(self) -> Option<u64> {
        self.find(|argument| match argument {
            Argument::Time(time) => Some(*time),
            _ => None,
        })
    }
}
