//! Signals that wait, and those that would.

use std::collections::BTreeMap;

use crate::event::{Disposition, Task};
use crate::model::{Model, Thread, kills};

/// What stands between a task and signals for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gate {
    /// It blocks some.
    Blocks,
    /// One has come and has not come through: it is blocked, or the task has not run since.
    Waits,
}

/// Who blocks signals, and for whom some wait. That a signal is blocked while its own handler runs goes without saying.
pub(crate) fn gates(model: &Model) -> BTreeMap<Task, Gate> {
    let gate = |thread: &Thread| {
        let handled = |signal: &i32| thread.handlers.iter().any(|frame| frame.signal == *signal);
        let blocks = thread.blocked().iter().any(|signal| !handled(signal));
        blocks.then_some(Gate::Blocks)
    };
    let living = model.threads.iter().filter(|(_, thread)| thread.lives());
    let found = living.filter_map(|(task, thread)| {
        let mut pending = thread.pending.iter();
        let waits = pending.any(|(signal, _)| matters(model, *task, *signal));
        Some((*task, if waits { Gate::Waits } else { gate(thread)? }))
    });
    found.collect()
}

/// Whether something will happen when the signal comes through.
pub(crate) fn matters(model: &Model, task: Task, signal: i32) -> bool {
    let blocked = model.threads.get(&task).is_some_and(|thread| thread.blocks(signal));
    blocked
        || match model.disposition(task, signal) {
            Disposition::Handler => true,
            Disposition::Default => kills(signal),
            Disposition::Ignore => false,
        }
}
