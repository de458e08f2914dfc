//! What was seen of a recorded run, event by event.

use crate::facts::never_spin;
use crate::{Exit, Outcome, Verdict};
use predicates_core::Predicate;
use predicates_core::reflection::Case;
use recorder::Ended;
use std::time::Duration;
use trace::event::Disposition;
use trace::model::Change;
use trace::{Argument, Event, Model, Task, What, knot, why, words};

/// All signals that there are.
const SIGNALS: std::ops::RangeInclusive<i32> = 1..=64;

/// A recorded run: what every [`Outcome`] tells, and all that happened, in order.
#[derive(Debug)]
pub struct Recorded {
    /// What was seen from outside. In it, processes have pids; in a recording they have names.
    pub outcome: Outcome,
    /// Every event, with its sentence.
    pub steps: Vec<Seen>,
    /// Nobody could go on, or the time was up: who is blocked, in words. Empty: all have ended.
    pub stuck: Vec<String>,
    /// The injections that have not happened: those of a call that was never made.
    pub unmet: Vec<recorder::Injection>,
    /// How long it took, with starting and ending.
    pub took: Duration,
}

/// One event, and what there was to know right after it.
#[derive(Debug)]
pub struct Seen {
    /// What has happened.
    pub event: Event,
    /// The same in words.
    pub sentence: String,
    /// What a task that fell asleep with this event waits for.
    pub blocked: Option<why::Blocked>,
    /// The signals whose handlers the task is in, the innermost last.
    pub handlers: Vec<i32>,
    /// The signals that wait outside: its mask, or that of the call that it is in.
    pub held_back: Vec<i32>,
    /// The signals for which its process has a handler.
    pub caught: Vec<i32>,
    /// The process that the task belongs to, by its first thread.
    pub process: Task,
    /// Where a call begins: the open file description that its first descriptor leads to. The same number is the same description, whoever
    /// holds it.
    pub description: Option<u32>,
    /// Where a call begins that sleeps for some time at most: for how many nanoseconds.
    pub limit: Option<u64>,
    /// The descriptors that this event has opened.
    pub opened: Vec<i32>,
    /// At an exec: the descriptors that are open in the new program. At a process's end: those that were open until then. Lowest first.
    pub open: Option<Vec<Open>>,
}

/// An open descriptor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Open {
    /// Its number.
    pub number: i32,
    /// A path, as the program wrote it or as /proc has it; or a few words, `the read end of pipe 1`.
    pub leads_to: String,
    /// The open file description behind it.
    pub description: u32,
    /// Whether exec closes it.
    pub close_on_exec: bool,
}

impl std::fmt::Display for Open {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "descriptor {}, {}", self.number, self.leads_to)
    }
}

impl Seen {
    /// The name of the call that begins with this event.
    pub fn begins(&self) -> Option<&str> {
        match &self.event.what {
            What::Enter { name, .. } => Some(name),
            _ => None,
        }
    }

    /// The name of the call that returns with this event.
    pub fn returns(&self) -> Option<&str> {
        match &self.event.what {
            What::Leave { name, .. } => Some(name),
            _ => None,
        }
    }

    /// Whether a process or a thread ends with this event.
    pub fn is_end(&self) -> bool {
        matches!(self.event.what, What::Ended { .. })
    }

    /// What that call has returned, if it is a number and no error.
    pub fn result(&self) -> Option<i64> {
        match &self.event.what {
            What::Leave { result: trace::event::Outcome::Value(value), .. } => Some(*value),
            _ => None,
        }
    }
}

impl std::fmt::Display for Seen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "step {}: {}", self.event.step, self.sentence)
    }
}

impl Recorded {
    /// The most bytes that anybody has asked for by one read.
    pub fn most_asked_for(&self) -> Option<u64> {
        let asked = self.steps.iter().filter_map(|step| match &step.event.what {
            What::Enter { name, arguments, .. } if name == "read" => match arguments.get(2) {
                Some(Argument::Number(count)) => u64::try_from(*count).ok(),
                _ => None,
            },
            _ => None,
        });
        asked.max()
    }

    /// What each process has written to the standard output and the standard error of the run, as far as the recorder keeps it, in the order of their first words.
    pub fn said(&self) -> Vec<(Task, String)> {
        // Whose descriptor 2 leads elsewhere by then has told nobody yet.
        let first = self.steps.iter().find_map(|step| step.open.as_ref());
        let streams = first.into_iter().flatten().filter(|open| [1, 2].contains(&open.number));
        let streams: Vec<u32> = streams.map(|open| open.description).collect();
        let mut said: Vec<(Task, String)> = Vec::new();
        for step in &self.steps {
            let What::Enter { name, arguments, .. } = &step.event.what else { continue };
            let to_them = step.description.is_some_and(|it| streams.contains(&it));
            if !matches!(name.as_str(), "write" | "writev") || !to_them {
                continue;
            }
            let text = arguments.iter().filter_map(|argument| match argument {
                Argument::Bytes(text, _) => Some(text.as_str()),
                _ => None,
            });
            let text: String = text.collect();
            match said.iter_mut().find(|(process, _)| *process == step.process) {
                Some((_, before)) => before.push_str(&text),
                None => said.push((step.process, text)),
            }
        }
        said
    }

    pub(crate) fn new(
        outcome: Outcome,
        events: Vec<Event>,
        ended: Option<&Ended>,
        took: Duration,
    ) -> Self {
        let mut model = Model::new();
        let mut stuck = Vec::new();
        let mut steps = Vec::with_capacity(events.len());
        for event in events {
            // With its last thread, a process's table is gone.
            let ends = matches!(event.what, What::Ended { .. })
                && model.threads_of(model.process_of(event.task)).count() == 1;
            let at_end = ends.then(|| open(&model, event.task));
            let changes = match model.apply(&event) {
                Ok(step) => step.changes,
                Err(mismatch) => mismatch.changes,
            };
            if event.what == What::Stuck {
                stuck = knot::knot(&model);
            }
            let sleeps = event.what == What::Sleeps;
            let begins = matches!(event.what, What::Enter { .. });
            let in_call =
                (sleeps || begins).then(|| why::Blocked::of(&model, event.task)).flatten();
            let execs = matches!(event.what, What::Exec { .. });
            let thread = model.threads.get(&event.task);
            let caught =
                |signal: &i32| model.disposition(event.task, *signal) == Disposition::Handler;
            steps.push(Seen {
                sentence: words::sentence(&model, &event, &changes),
                limit: in_call.as_ref().filter(|_| begins).and_then(|call| call.at_most),
                blocked: in_call.filter(|_| sleeps),
                handlers: thread
                    .map(|thread| thread.handlers.iter().map(|frame| frame.signal).collect())
                    .unwrap_or_default(),
                held_back: thread
                    .map(|thread| SIGNALS.filter(|signal| thread.blocks(*signal)).collect())
                    .unwrap_or_default(),
                caught: SIGNALS.filter(caught).collect(),
                process: model.process_of(event.task),
                description: description(&model, &event),
                opened: changes.iter().filter_map(opened).collect(),
                open: at_end.or_else(|| execs.then(|| open(&model, event.task))),
                event,
            });
        }
        if outcome.exit == Exit::Deadline {
            stuck = why::sleepers(&model).iter().map(|b| b.sentence(&model)).collect();
        }
        let unmet = ended.iter().flat_map(|e| &e.unmet).map(|(what, _)| what.clone()).collect();
        Self { outcome, steps, stuck, unmet, took }
    }

    /// Fails the test unless this is so of the recording: one of [`facts`](crate::facts), or several of them,
    /// combined by the `and`, `or` and `not` of predicates.
    ///
    /// Of a program that was ended before its time, nothing is held to be so: what comes after the last event might speak
    /// against it. What has been seen to be wrong is told first.
    ///
    /// # Panics
    /// With the verdict of the first that fails.
    pub fn must(&self, fact: impl Predicate<Recorded>) -> &Self {
        if let Some(case) = fact.find_case(false, self) {
            let unexplained = || {
                Verdict::new(format!("This is not so: {fact}."))
                    .ask("Which step of the recording shows it?")
            };
            verdict_in(&case).unwrap_or_else(unexplained).fail();
        }
        if !matches!(self.outcome.exit, Exit::Code(_) | Exit::Signal(_)) {
            // Who asks again and again has no end for that reason, whatever is being looked at.
            if self.outcome.exit == Exit::Deadline
                && let Some(case) = never_spin().find_case(false, self)
                && let Some(verdict) = verdict_in(&case)
            {
                verdict.fail();
            }
            self.outcome.must_end();
        }
        self
    }

    /// The steps of one task.
    pub fn of(&self, task: Task) -> impl Iterator<Item = &Seen> {
        self.steps.iter().filter(move |seen| seen.event.task == task)
    }
}

/// The open descriptors of a task.
fn open(model: &Model, task: Task) -> Vec<Open> {
    let slots = model.table(task).into_iter().flat_map(|table| &table.slots);
    let open = slots.map(|(&number, slot)| Open {
        number,
        leads_to: model.name_of(task, number).unwrap_or_default(),
        description: slot.description,
        close_on_exec: slot.close_on_exec,
    });
    open.collect()
}

/// The open file description that a call is about.
fn description(model: &Model, event: &Event) -> Option<u32> {
    let What::Enter { arguments, .. } = &event.what else { return None };
    let first = arguments.iter().find_map(|argument| match argument {
        Argument::Descriptor(number) => Some(*number),
        _ => None,
    });
    Some(model.slot(event.task, first?)?.description)
}

fn opened(change: &Change) -> Option<i32> {
    match change {
        Change::Opened(number, _) => Some(*number),
        _ => None,
    }
}

/// The first verdict in a tree of predicates that didn't hold.
fn verdict_in(case: &Case<'_>) -> Option<Verdict> {
    let parts = case.products().map(|product| (product.name(), product.value().to_string()));
    let parts: Vec<_> = parts.collect();
    Verdict::of_parts(&parts).or_else(|| case.children().find_map(verdict_in))
}
