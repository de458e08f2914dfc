//! The rows of births, ends and signals, and the arrows between tasks.

use super::build::{Begun, Builder};
use super::{Arrow, ArrowKind, Mark, Row, RowKind, gates, matters};
use crate::event::{Disposition, Event, Status, Task};
use crate::model::{Change, kills};
use crate::names::{SIGALRM, SIGCHLD, SIGKILL, signal};
use crate::words::{call_words, sentence};

/// How the label of a call ends that a signal has interrupted.
const INTERRUPTED: &str = " is interrupted";

impl Builder {
    /// The row is its maker's.
    pub(super) fn born(&mut self, event: &Event, parent: Task) {
        self.column(event.task);
        let name = self.call_of(parent).map_or_else(|| "fork".into(), |(name, _)| name);
        self.arrows
            .entry(parent)
            .or_default()
            .push(Arrow { to: event.task, kind: ArrowKind::Makes });
        let begun = self.open.get(&parent).cloned().unwrap_or_default();
        let mut row = event.clone();
        row.task = parent;
        self.push(&row, RowKind::Makes, format!("{name}() = {}", event.task), &[]);
        let thread = self.model.process_of(event.task) != event.task;
        let note = if thread { "its thread".into() } else { format!("a copy of {parent}") };
        if let Some(row) = self.rows.rows.last_mut() {
            (row.first, row.call) = (begun.step, Some(name));
            row.sentence = sentence(&self.model, event, &[]);
            row.note = Some(format!("{} is {note}", event.task));
        }
        self.shown(parent);
    }

    /// Who is held before doing anything did not run in the row of its birth either.
    pub(super) fn held_from_birth(&mut self, task: Task) {
        let born =
            |row: &&mut Row| row.arrows.contains(&Arrow { to: task, kind: ArrowKind::Makes });
        if let Some(row) = self.rows.rows.last_mut().filter(born) {
            row.marks.insert(task, Mark::Held);
        }
    }

    pub(super) fn signalled(&mut self, event: &Event, number: i32, by: Option<Task>) {
        let arrow = Arrow { to: event.task, kind: ArrowKind::Signal };
        match by {
            Some(Task::OUTSIDE) => {
                self.unsent.insert((event.task, number), "somebody outside of the recording");
            }
            Some(by) => {
                if number == SIGKILL
                    && self.model.process_of(by) == self.model.process_of(event.task)
                {
                    self.kills_itself(event, by);
                }
                self.reaches(by, arrow);
                self.comes_of_it(event, by, number);
            }
            None if number == SIGCHLD => {
                self.told_of_end(event.task);
                self.told.insert(event.task);
            }
            None => {
                let whence = if number == SIGALRM { "its own alarm" } else { "the kernel" };
                self.unsent.insert((event.task, number), whence);
            }
        }
        let thread = self.model.threads.get(&event.task);
        if thread.is_some_and(|thread| thread.blocks(number)) {
            let label = format!("{} waits outside: it is blocked", signal(number));
            self.push(event, RowKind::Pending, label, &[]);
            self.says_whence(event.task, number);
        } else if let Some(row) = self.rows.rows.last_mut() {
            row.gates = gates(&self.model);
        }
    }

    /// A call by which one kills itself, and whom else it may, has its row when that is told: it never returns.
    fn kills_itself(&mut self, event: &Event, by: Task) {
        let Some((name, arguments)) = self.call_of(by) else { return };
        let Some(begun) = self.open.get(&by).filter(|begun| !begun.shown) else { return };
        let step = begun.step.max(event.step);
        let label = call_words(&name, &arguments, true);
        let sentence = format!("{by} calls {label}, which does not return");
        let event = Event { step, task: by, what: event.what.clone() };
        self.push(&event, RowKind::Call, label, &[]);
        if let Some(row) = self.rows.rows.last_mut() {
            (row.sentence, row.call) = (sentence, Some(name));
        }
        self.shown(by);
    }

    /// A signal to itself that no call has asked for: SIGPIPE.
    fn comes_of_it(&mut self, event: &Event, by: Task, number: i32) {
        const ASK: [&str; 6] = [
            "kill",
            "tkill",
            "tgkill",
            "rt_sigqueueinfo",
            "rt_tgsigqueueinfo",
            "pidfd_send_signal",
        ];
        let row = self.rows.rows.iter_mut().rfind(|row| row.task == by);
        if let Some(row) = row.filter(|_| by == event.task)
            && row.call.as_deref().is_some_and(|call| !ASK.contains(&call))
        {
            let comes = format!("{} comes of it", signal(number));
            row.sentence += &format!("; {comes}");
            row.note =
                Some(row.note.take().map_or(comes.clone(), |note| format!("{note}; {comes}")));
        }
    }

    /// A signal that nobody in the picture has sent is drawn where it comes.
    fn says_whence(&mut self, task: Task, number: i32) {
        let Some(whence) = self.unsent.remove(&(task, number)) else { return };
        let rows = &mut self.rows.rows;
        // It comes before the call returns that it interrupts.
        let interrupted = format!("{INTERRUPTED} by {}", signal(number));
        let above = rows.len().checked_sub(2).filter(|above| {
            rows[*above].task == task && rows[*above].label.ends_with(&interrupted)
        });
        let last = rows.len().wrapping_sub(1);
        if let Some(row) = rows.get_mut(above.unwrap_or(last)) {
            row.arrows.push(Arrow { to: task, kind: ArrowKind::Comes });
            let whence = format!("the signal comes from {whence}");
            row.sentence += &format!("; {whence}");
            row.note = Some(whence);
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
            let arrow = Arrow { to: parent, kind: ArrowKind::Signal };
            if !row.arrows.contains(&arrow) {
                row.arrows.push(arrow);
                let note = row.note.get_or_insert_default();
                let and = if note.is_empty() { "" } else { "; " };
                *note = format!("{note}{and}SIGCHLD tells {parent}");
            }
        }
    }

    pub(super) fn delivered(&mut self, event: &Event, number: i32, disposition: Disposition) {
        let name = signal(number);
        if number == SIGCHLD && !self.told.remove(&event.task) {
            self.told_of_end(event.task);
        }
        self.interrupts(event.task, &name);
        let label = match disposition {
            Disposition::Handler => format!("⚡ {name}: its handler runs"),
            Disposition::Default if kills(number) => format!("⚡ {name} kills it"),
            // It would be one row for each child that ends, and nothing happens.
            Disposition::Default | Disposition::Ignore => {
                if let Some(row) = self.rows.rows.last_mut() {
                    row.gates = gates(&self.model);
                }
                return;
            }
        };
        self.push(event, RowKind::Signal, label, &[]);
        self.says_whence(event.task, number);
    }

    /// Signals don't count: where a SIGCHLD waits outside, this end adds none.
    fn already_told(&mut self, task: Task) {
        let parent = self.model.processes.get(&task).and_then(|process| process.parent);
        // One that is ignored makes no difference, and needs no words.
        let waits =
            |parent: &Task| self.told.contains(parent) && matters(&self.model, *parent, SIGCHLD);
        if let (Some(parent), Some(row)) = (parent.filter(waits), self.rows.rows.last_mut())
            && let Some(note) = &mut row.note
        {
            *note += &format!("; a SIGCHLD waits for {parent} already: the two become one");
        }
    }

    /// By what a call was interrupted is known when the signal comes through.
    fn interrupts(&mut self, task: Task, name: &str) {
        let row = self.rows.rows.iter_mut().rfind(|row| row.task == task);
        if let Some(row) = row.filter(|row| row.label.ends_with(INTERRUPTED)) {
            row.label = format!("{} by {name}", row.label);
            row.sentence = row.sentence.replace("by a signal", &format!("by {name}"));
        }
    }

    pub(super) fn ended(&mut self, event: &Event, status: Status, changes: &[Change]) {
        let label = match status {
            Status::Code(code) => format!("exit({code})"),
            Status::Signal(number) => format!("killed by {}", signal(number)),
        };
        // The signal that kills and the end are one row.
        let mut whence = None;
        let last = self.rows.rows.last();
        if matches!(status, Status::Signal(_))
            && last.is_some_and(|row| row.task == event.task && row.kind == RowKind::Signal)
            && let Some(row) = self.rows.rows.pop()
        {
            self.arrows.insert(event.task, row.arrows);
            whence = row.note;
        }
        self.push(event, RowKind::Ended, label, changes);
        // The recorder ends those who sleep for good.
        if status == Status::Signal(SIGKILL)
            && self.rows.rows.iter().any(|row| row.kind == RowKind::Stuck)
        {
            whence = Some("the signal comes from the recorder".into());
        }
        if let (Some(whence), Some(row)) = (whence, self.rows.rows.last_mut()) {
            row.sentence += &format!("; {whence}");
            row.note =
                Some(row.note.take().map_or(whence.clone(), |note| format!("{note}; {whence}")));
        }
        self.already_told(event.task);
        self.open.remove(&event.task);
        self.arrows.remove(&event.task);
    }

    pub(super) fn reaped(&mut self, task: Task, by: Option<Task>) {
        let Some(by) = by else {
            self.reaped_by_nobody(task);
            return;
        };
        self.reaches(by, Arrow { to: task, kind: ArrowKind::Reaps });
    }

    /// At once, or when its parent ended without having asked.
    fn reaped_by_nobody(&mut self, task: Task) {
        let rows = &mut self.rows.rows;
        let last = rows.len().wrapping_sub(1);
        let Some(ended) = rows.iter().rposition(|row| row.task == task) else { return };
        let row = &mut rows[ended];
        let waited = row.note.as_ref().is_some_and(|note| note.starts_with("a zombie until"));
        if waited && ended != last {
            // "until P1 reaps it" was a hope.
            for text in row.note.iter_mut().chain([&mut row.sentence]) {
                *text = text.replace(" reaps it", " ends, which never reaps it");
            }
            return;
        }
        let why = if waited { "its parent does not ask" } else { "its parent is gone" };
        let note = row.note.take().unwrap_or_default();
        let rest = if waited { after_the_first(&note) } else { note };
        let and = if rest.is_empty() { "" } else { "; " };
        row.note = Some(format!("leaves no zombie: {why}{and}{rest}"));
        let hope = row.sentence.split("; ").find(|part| part.starts_with("it is a zombie"));
        let hope = hope.map_or_else(String::new, |hope| format!("; {hope}"));
        row.sentence = row.sentence.replace(&hope, "");
        row.sentence += &format!("; it leaves no zombie, since {why}");
        row.marks.insert(task, Mark::Gone);
    }

    /// An arrow from the call that a task is in, or from the one that has just returned.
    pub(super) fn reaches(&mut self, by: Task, arrow: Arrow) {
        let last = self.rows.rows.iter_mut().rev().find(|row| row.task == by);
        match last.filter(|_| self.open.get(&by).is_none_or(Begun::has_its_row)) {
            Some(row) => {
                row.arrows.push(arrow);
                if arrow.kind == ArrowKind::Reaps {
                    row.marks.insert(arrow.to, Mark::Gone);
                }
            }
            None => self.arrows.entry(by).or_default().push(arrow),
        }
    }
}

/// What a note says besides.
fn after_the_first(note: &str) -> String {
    note.split_once("; ").map_or_else(String::new, |(_, rest)| rest.to_owned())
}
