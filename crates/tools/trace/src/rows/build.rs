//! How events become rows.

use std::collections::BTreeMap;

use super::{Arrow, ArrowKind, Column, Row, RowKind, Rows, marks, notes};
use crate::call::Argument;
use crate::event::{Disposition, Event, Outcome, Status, Task, What};
use crate::knot::knot;
use crate::model::{Change, Model, kills};
use crate::names::{SIGCHLD, signal};
use crate::why::Blocked;
use crate::words::{call_words, result_words, sentence};

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
    rows: Rows,
    model: Model,
    open: BTreeMap<Task, Begun>,
    /// Whom the row that comes next reaches, by whose row it is.
    arrows: BTreeMap<Task, Arrow>,
}

/// A call whose row has not come, or has.
#[derive(Clone, Default)]
struct Begun {
    step: u64,
    line: Option<String>,
    slept: bool,
    shown: bool,
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
            builder.tell(event, before, problem);
        }
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
            What::Ended { status } => self.ended(event, *status),
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
            What::Descriptors { .. } | What::Held | What::Runs | What::End => {}
        }
    }

    fn column(&mut self, task: Task) {
        let process = self.model.process_of(task);
        let name = self.model.processes.get(&process).map_or("", |found| found.name.as_str());
        let title = if process == task {
            format!("{task} {name}")
        } else {
            format!("{task}, a thread of {process}")
        };
        self.rows.columns.push(Column { task, process, title });
    }

    /// A row for an event; what stands at a call's beginning is taken from there.
    fn push(&mut self, event: &Event, kind: RowKind, label: String, changes: &[Change]) {
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
        self.rows.rows.push(Row {
            number: self.rows.rows.len() as u64 + 1,
            first,
            last: event.step,
            task: event.task,
            kind,
            key: notes::key(event, kind, &label),
            label,
            note: notes::note(&self.model, event, changes),
            sentence: sentence(&self.model, event, changes),
            arrow: self.arrows.remove(&event.task),
            marks: marks(&self.model),
            line: begun.line,
            problem: None,
            call,
        });
    }

    fn shown(&mut self, task: Task) {
        if let Some(begun) = self.open.get_mut(&task) {
            begun.shown = true;
        }
    }

    fn call_of(&self, task: Task) -> Option<(String, Vec<Argument>)> {
        let call = self.model.threads.get(&task)?.call.as_ref()?;
        Some((call.name.clone(), call.arguments.clone()))
    }

    /// The row is its maker's.
    fn born(&mut self, event: &Event, parent: Task) {
        self.column(event.task);
        let name = self.call_of(parent).map_or_else(|| "fork".into(), |(name, _)| name);
        self.arrows.insert(parent, Arrow { to: event.task, kind: ArrowKind::Makes });
        let begun = self.open.get(&parent).cloned().unwrap_or_default();
        let mut row = event.clone();
        row.task = parent;
        self.push(&row, RowKind::Makes, format!("{name}() = {}", event.task), &[]);
        if let Some(row) = self.rows.rows.last_mut() {
            (row.first, row.call) = (begun.step, Some(name));
            row.sentence = sentence(&self.model, event, &[]);
        }
        self.shown(parent);
    }

    fn sleeps(&mut self, event: &Event) {
        let Some((name, arguments)) = self.call_of(event.task) else { return };
        let Some(begun) = self.open.get_mut(&event.task) else { return };
        // It may wake, look, and sleep again.
        if std::mem::replace(&mut begun.slept, true) {
            return;
        }
        let label = call_words(&name, &arguments, true);
        self.push(event, RowKind::Waits, label, &[]);
        let awaited = Blocked::of(&self.model, event.task).map(|blocked| blocked.awaited());
        if let (Some(row), Some(awaited)) = (self.rows.rows.last_mut(), awaited) {
            row.note = Some(format!("waits for {awaited}"));
        }
    }

    fn returned(
        &mut self,
        event: &Event,
        name: &str,
        arguments: &[Argument],
        result: &Outcome,
        changes: &[Change],
    ) {
        let begun = self.open.get(&event.task).cloned().unwrap_or_default();
        let said =
            |whole| format!("{}{}", call_words(name, arguments, whole), result_words(name, result));
        match (begun.slept, begun.shown) {
            (true, _) => self.push(event, RowKind::GoesOn, said(false), changes),
            (false, true) => {}
            (false, false) => self.push(event, RowKind::Call, said(true), changes),
        }
        self.open.remove(&event.task);
        self.arrows.remove(&event.task);
    }

    fn signalled(&mut self, event: &Event, number: i32, by: Option<Task>) {
        let arrow = Arrow { to: event.task, kind: ArrowKind::Signal };
        if let Some(by) = by {
            self.arrows.insert(by, arrow);
        } else if number == SIGCHLD {
            self.told_of_end(event.task);
        }
        let thread = self.model.threads.get(&event.task);
        if thread.is_some_and(|thread| thread.mask.contains(&number)) {
            let label = format!("{} waits outside: it is blocked", signal(number));
            self.push(event, RowKind::Pending, label, &[]);
        }
    }

    /// SIGCHLD is drawn from the child's end.
    fn told_of_end(&mut self, parent: Task) {
        let parent = self.model.process_of(parent);
        let model = &self.model;
        let ended = self.rows.rows.iter_mut().rev().find(|row| {
            let process = model.processes.get(&row.task);
            row.kind == RowKind::Ended && process.and_then(|found| found.parent) == Some(parent)
        });
        if let Some(row) = ended {
            row.arrow.get_or_insert(Arrow { to: parent, kind: ArrowKind::Signal });
        }
    }

    fn delivered(&mut self, event: &Event, number: i32, disposition: Disposition) {
        let name = signal(number);
        if number == SIGCHLD {
            self.told_of_end(event.task);
        }
        let label = match disposition {
            Disposition::Handler => format!("⚡ {name}: its handler runs"),
            Disposition::Default if kills(number) => format!("⚡ {name} kills it"),
            // It would be one row for each child that ends, and nothing happens.
            Disposition::Default | Disposition::Ignore => return,
        };
        self.push(event, RowKind::Signal, label, &[]);
    }

    fn ended(&mut self, event: &Event, status: Status) {
        let label = match status {
            Status::Code(code) => format!("exit({code})"),
            Status::Signal(number) => format!("killed by {}", signal(number)),
        };
        // The signal that kills and the end are one row.
        let last = self.rows.rows.last();
        if matches!(status, Status::Signal(_))
            && last.is_some_and(|row| row.task == event.task && row.kind == RowKind::Signal)
            && let Some(row) = self.rows.rows.pop()
            && let Some(arrow) = row.arrow
        {
            self.arrows.insert(event.task, arrow);
        }
        self.push(event, RowKind::Ended, label, &[]);
        self.open.remove(&event.task);
        self.arrows.remove(&event.task);
    }

    fn reaped(&mut self, task: Task, by: Option<Task>) {
        let Some(by) = by else {
            let ended = self.rows.rows.iter_mut().rev().find(|row| row.task == task);
            if let Some(row) = ended {
                row.note = Some("leaves no zombie: nobody wants to know".into());
                row.marks.insert(task, super::Mark::Gone);
            }
            return;
        };
        self.arrows.insert(by, Arrow { to: task, kind: ArrowKind::Reaps });
    }
}

fn differs(change: &Change) -> bool {
    matches!(change, Change::Differs(_))
}
