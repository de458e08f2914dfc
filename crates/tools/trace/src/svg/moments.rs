//! What is true before and after each row.
//!
//! A row's event is followed by others that have no row: the recorder holds the task, a signal is
//! on its way, a child is reaped. They belong to the row above them.

use std::collections::{BTreeMap, BTreeSet};

use crate::event::{Event, Task, What};
use crate::model::{Change, Model, State, Thread};
use crate::rows::{Gate, Row, gates};

/// What each task is doing; who is gone isn't here.
pub(crate) type States = BTreeMap<Task, State>;

/// How many signal handlers tasks are in, each in the one before it, whatever they do there.
pub(crate) type Handlers = BTreeMap<Task, usize>;

/// A row, and what is true when it is over.
pub(crate) struct Moment<'a> {
    /// The row's place among the rows.
    pub(crate) index: usize,
    /// What each task did just before it.
    pub(crate) before: States,
    /// What each task does now.
    pub(crate) after: States,
    /// What the row's own event has changed.
    pub(crate) changes: &'a [Change],
    /// How many signal handlers each task is in now.
    pub(crate) handlers: Handlers,
    /// Whose signals wait outside now, or would.
    pub(crate) gates: BTreeMap<Task, Gate>,
    /// All that is known now.
    pub(crate) model: &'a Model,
}

/// Calls `see` with each row's moment. Rows that are complete at the same event see the same model.
pub(crate) fn follow(events: &[Event], rows: &[Row], mut see: impl FnMut(Moment<'_>)) {
    let mut complete: BTreeMap<u64, Vec<usize>> = BTreeMap::new();
    for (index, row) in rows.iter().enumerate() {
        complete.entry(row.last).or_default().push(index);
    }
    let begins: BTreeSet<u64> = complete.keys().copied().collect();
    let mut model = Model::new();
    let mut waiting: Vec<(usize, States, Vec<Change>)> = Vec::new();
    let mut early: Option<States> = None;
    let mut rest = events.iter().peekable();
    while let Some(event) = rest.next() {
        let own = complete.remove(&event.step).unwrap_or_default();
        if reaped_in_call(&event.what, &model) {
            early.get_or_insert_with(|| states(&model));
        }
        let now = |early: &mut Option<States>| early.take().unwrap_or_else(|| states(&model));
        let before = if own.is_empty() { States::new() } else { now(&mut early) };
        let changes = match model.apply(event) {
            Ok(step) => step.changes,
            Err(mismatch) => mismatch.changes,
        };
        waiting.extend(own.into_iter().map(|index| (index, before.clone(), changes.clone())));
        let above =
            |next: &&Event| belongs_above(&next.what, &model) && !begins.contains(&next.step);
        if rest.peek().is_some_and(above) {
            continue;
        }
        for (index, before, changes) in waiting.drain(..) {
            let after = states(&model);
            let (handlers, gates) = (handlers(&model), gates(&model));
            let changes = &changes;
            see(Moment { index, before, after, changes, handlers, gates, model: &model });
        }
    }
}

fn belongs_above(what: &What, model: &Model) -> bool {
    let silent = matches!(
        what,
        What::Held
            | What::Reaped { .. }
            | What::Signalled { .. }
            | What::Delivered { .. }
            | What::Descriptors { .. }
    );
    silent && !reaped_in_call(what, model)
}

/// The call that reaps is not over: its row comes below.
fn reaped_in_call(what: &What, model: &Model) -> bool {
    let What::Reaped { by: Some(by) } = what else { return false };
    model.threads.get(by).is_some_and(|thread| thread.call.is_some())
}

fn handlers(model: &Model) -> Handlers {
    let deep =
        |thread: &Thread| Some(thread.handlers.len()).filter(|deep| *deep > 0 && thread.lives());
    let threads = model.threads.iter();
    threads.filter_map(|(task, thread)| Some((*task, deep(thread)?))).collect()
}

/// Who has ended and has no parent here is gone: nobody here could reap it.
fn states(model: &Model) -> States {
    let orphan = |task: &Task| model.processes.get(task).is_none_or(|found| found.parent.is_none());
    let states = model.threads.keys().filter_map(|task| Some((*task, model.state(*task)?)));
    states
        .filter(|(task, state)| match state {
            State::Reaped(_) => false,
            State::Zombie(_) => !orphan(task),
            _ => true,
        })
        .collect()
}
