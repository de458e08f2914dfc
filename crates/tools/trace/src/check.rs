//! Whether a recording tells the truth, as far as it can be told from the recording itself.
//!
//! Two things are held against each other: each event against those before it, since nothing happens
//! before its cause (bytes are read that were written, SIGCHLD comes after an end, and an end before
//! anybody is told of it); and each table that /proc was asked for against what the model has made of the
//! calls until then. `cargo recorder run --check` makes recordings with many such tables.

use std::fmt;

use crate::event::{Event, Task};
use crate::model::{Change, Mismatch, Model};

/// Something in a recording that can't be, after what stands before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contradiction {
    /// The event's number.
    pub step: u64,
    /// Whose event it is.
    pub task: Task,
    /// What was expected, and what came.
    pub what: String,
}

impl fmt::Display for Contradiction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "step {}, {}: {}", self.step, self.task, self.what)
    }
}

/// All that a recording says against itself; empty: nothing.
///
/// What a table from /proc says is taken over once it is compared, so one error is told once.
#[must_use]
pub fn check(events: &[Event]) -> Vec<Contradiction> {
    let mut model = Model::new();
    events.iter().flat_map(|event| follow(&mut model, event)).collect()
}

fn follow(model: &mut Model, event: &Event) -> Vec<Contradiction> {
    let (changes, expected) = match model.apply(event) {
        Ok(step) => (step.changes, None),
        Err(Mismatch { expected, changes, .. }) => (changes, Some(expected)),
    };
    let differences = changes.into_iter().filter_map(|change| match change {
        Change::Differs(what) => Some(what),
        _ => None,
    });
    let all = expected.into_iter().chain(differences);
    all.map(|what| Contradiction { step: event.step, task: event.task, what }).collect()
}
