//! How events become rows.

use std::collections::{BTreeMap, BTreeSet};

use super::wakes::Sleeper;
use super::{Arrow, Column, Inside, Mark, Row, RowKind, Rows, gates, marks, notes};
use crate::call::Argument;
use crate::event::{Event, Injected, Task, What};
use crate::knot::knot;
use crate::model::{Change, Model};
use crate::names::signal;
use crate::words::{call_words, sentence};

/// Calls about memory and the like, of which no picture tells, unless they sleep.
pub(super) const QUIET: [&str; 26] = [
    "brk",
    "mmap",
    "munmap",
    "mprotect",
    "madvise",
    "mremap",
    "arch_prctl",
    "set_tid_address",
    "set_robust_list",
    "rseq",
    "prlimit64",
    "getrandom",
    "sigaltstack",
    "fstat",
    "newfstatat",
    "statx",
    "access",
    "faccessat",
    "faccessat2",
    "sched_getaffinity",
    "sched_yield",
    "rt_sigreturn",
    "clock_gettime",
    "restart_syscall",
    "futex",
    "uname",
];

#[derive(Default)]
pub(super) struct Builder {
    pub(super) rows: Rows,
    pub(super) model: Model,
    pub(super) open: BTreeMap<Task, Begun>,
    /// Whom the row that comes next reaches, by whose row it is.
    pub(super) arrows: BTreeMap<Task, Vec<Arrow>>,
    /// Who has been told of an end by a SIGCHLD that has not come through.
    pub(super) told: BTreeSet<Task>,
    /// For whom a signal is on its way that nobody in the picture has sent, and whence it comes.
    pub(super) unsent: BTreeMap<(Task, i32), &'static str>,
    /// Who is not known to be gone: of the others, each row would have to say so.
    pub(super) present: BTreeSet<Task>,
    /// Who sleeps.
    pub(super) asleep: BTreeMap<Task, Sleeper>,
}

/// A call whose row has not come, or has.
#[derive(Clone, Default)]
pub(super) struct Begun {
    pub(super) step: u64,
    line: Option<String>,
    pub(super) slept: bool,
    pub(super) shown: bool,
    pub(super) injected: Option<Injected>,
}

impl Begun {
    /// And gets no other one, when it goes on.
    pub(super) fn has_its_row(&self) -> bool {
        self.shown && !self.slept
    }
}

impl Builder {
    pub(super) fn follow(events: &[Event]) -> Rows {
        let mut builder = Self::default();
        for event in events {
            let (changes, problem) = match builder.model.apply(event) {
                Ok(step) => (step.changes, None),
                Err(mismatch) => (mismatch.changes.clone(), Some(mismatch.to_string())),
            };
            let before = builder.rows.rows.len();
            builder.event(event, &changes);
            builder.follow_sleepers(event, &changes);
            builder.tell(event, before, problem);
        }
        builder.say_who_wakes();
        notes::explain_outside(&mut builder.rows.rows);
        builder.rows
    }

    /// A problem is told in the event's own row, or in one for itself.
    fn tell(&mut self, event: &Event, before: usize, problem: Option<String>) {
        let Some(problem) = problem else { return };
        if self.rows.rows.len() == before {
            self.push(event, RowKind::Remark, "the recording contradicts itself".into(), &[]);
        }
        if let Some(row) = self.rows.rows.last_mut() {
            row.problem = Some(problem);
        }
    }

    fn event(&mut self, event: &Event, changes: &[Change]) {
        let task = event.task;
        match &event.what {
            What::Begin { argv, policy, seed, .. } => {
                (self.rows.policy, self.rows.seed) = (policy.clone(), *seed);
                self.column(task);
                self.push(event, RowKind::Begin, format!("starts: {}", argv.join(" ")), changes);
            }
            What::Born { parent, .. } => self.born(event, *parent),
            What::Enter { line, .. } => {
                let begun = Begun { step: event.step, line: line.clone(), ..Begun::default() };
                self.open.insert(task, begun);
            }
            What::Sleeps => self.sleeps(event),
            What::Leave { name, result, arguments } => {
                self.returned(event, name, arguments, result, changes);
            }
            What::Exec { path, argv } => {
                let what = [Argument::Path(path.clone()), Argument::Strings(argv.clone())];
                let label = call_words("execve", &what, true);
                self.push(event, RowKind::Exec, label, changes);
                self.shown(task);
            }
            What::Signalled { signal, by } => self.signalled(event, *signal, *by),
            What::Delivered { signal, disposition } => {
                self.delivered(event, *signal, *disposition);
            }
            What::HandlerReturns => {
                self.push(event, RowKind::HandlerReturns, "the handler returns".into(), changes);
            }
            What::Stopped { signal: number } => {
                self.push(event, RowKind::Stopped, format!("stopped by {}", signal(*number)), &[]);
            }
            What::Continued => self.push(event, RowKind::Continued, "continued".into(), &[]),
            What::Ended { status } => self.ended(event, *status, changes),
            What::Reaped { by } => self.reaped(task, *by),
            What::Descriptors { .. } if changes.iter().any(differs) => {
                self.push(event, RowKind::Remark, "descriptors looked up".into(), changes);
            }
            What::Stuck => {
                self.push(event, RowKind::Stuck, "everybody sleeps for good".into(), &[]);
                let lines = knot(&self.model).join("\n");
                if let Some(row) = self.rows.rows.last_mut() {
                    row.note = Some(lines);
                }
            }
            What::Injected { deed, .. } => self.injected(event, deed),
            What::Held => self.held_from_birth(task),
            What::Connected { .. }
            | What::Pidfd { .. }
            | What::Descriptors { .. }
            | What::Runs
            | What::End => {}
        }
    }

    pub(super) fn column(&mut self, task: Task) {
        let process = self.model.process_of(task);
        let name = self.model.processes.get(&process).map_or("", |found| found.name.as_str());
        let title = if process == task {
            format!("{task} {name}")
        } else {
            format!("{task}, a thread of {process}")
        };
        self.rows.columns.push(Column { task, process, title });
        self.present.insert(task);
    }

    /// What each task is doing that is there. Who is gone is said to be once.
    pub(super) fn marks(&mut self) -> BTreeMap<Task, Mark> {
        let marks = marks(&self.model, &self.present);
        self.present.retain(|task| marks.get(task) != Some(&Mark::Gone));
        marks
    }

    /// A row for an event; what stands at a call's beginning is taken from there.
    pub(super) fn push(&mut self, event: &Event, kind: RowKind, label: String, changes: &[Change]) {
        let begun = self.open.get(&event.task).cloned().unwrap_or_default();
        let call = match &event.what {
            What::Leave { name, .. } => Some(name.clone()),
            What::Sleeps => self.call_of(event.task).map(|(name, _)| name),
            _ => None,
        };
        let first = match kind {
            RowKind::Call => begun.step,
            _ => event.step,
        };
        let marks = self.marks();
        self.rows.rows.push(Row {
            number: self.rows.rows.len() as u64 + 1,
            first,
            last: event.step,
            task: event.task,
            kind,
            inside: Inside::default(),
            key: notes::key(event, kind, &label),
            label,
            note: notes::note(&self.model, event, changes),
            sentence: sentence(&self.model, event, changes),
            arrows: self.arrows.remove(&event.task).unwrap_or_default(),
            marks,
            gates: gates(&self.model),
            line: begun.line,
            problem: None,
            call,
            injected: kind == RowKind::Injected,
        });
    }

    pub(super) fn shown(&mut self, task: Task) {
        if let Some(begun) = self.open.get_mut(&task) {
            begun.shown = true;
        }
    }

    pub(super) fn call_of(&self, task: Task) -> Option<(String, Vec<Argument>)> {
        let call = self.model.threads.get(&task)?.call.as_ref()?;
        Some((call.name.clone(), call.arguments.clone()))
    }
}

fn differs(change: &Change) -> bool {
    matches!(change, Change::Differs(_))
}
