//! What one event has changed, or could not have changed.

use std::fmt;

use super::files::{Kind, Place};
use crate::event::Task;

/// What an event has changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The event's number.
    pub number: u64,
    /// What has changed, besides the state of the event's task.
    pub changes: Vec<Change>,
}

/// One change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// A descriptor leads to a description now.
    Opened(i32, Kind),
    /// A descriptor is closed.
    Closed(i32, Kind),
    /// Bytes have gone in, and so many are there now.
    Put(Place, u64, u64),
    /// Bytes have come out, and so many are left.
    Taken(Place, u64, u64),
    /// There was nothing to read, and nobody is left to write.
    EndOfFile(Place),
    /// A process that lives has another parent now: the one it had has ended. `None`: nobody here.
    Adopted(Task, Option<Task>),
    /// What /proc says, and the model had otherwise.
    Differs(String),
}

/// An event that can't follow from those before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mismatch {
    /// The event's number.
    pub step: u64,
    /// Whose event it is.
    pub task: Task,
    /// What was expected, and what came.
    pub expected: String,
    /// What the event has changed all the same.
    pub changes: Vec<Change>,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "step {}, {}: {}", self.step, self.task, self.expected)
    }
}

impl std::error::Error for Mismatch {}
