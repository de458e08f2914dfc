//! Signals: what is set for them, what waits outside, what has come through.

use std::collections::BTreeSet;

use super::files::Kind;
use super::task::{Action, Activity, Frame};
use super::{Arguments, Model};
use crate::event::{Disposition, Outcome, Task};
use crate::names::SIGCHLD;

/// The first signal of which several wait, each for itself.
const REAL_TIME: i32 = 32;

impl Model {
    /// Calls that say what happens on a signal, and those that take one without a handler.
    pub(super) fn sets_signals(
        &mut self,
        task: Task,
        name: &str,
        arguments: &Arguments<'_>,
        value: i64,
    ) {
        match name {
            "rt_sigaction" => {
                let (Some(signal), Some((disposition, restart, mask))) =
                    (arguments.signal(0), arguments.action())
                else {
                    return;
                };
                let action = Action { disposition, restart, mask: mask.iter().copied().collect() };
                let process = self.process_of(task);
                if let Some(process) = self.processes.get_mut(&process) {
                    process.actions.insert(signal, action);
                }
            }
            "rt_sigprocmask" => {
                // The second is what goes in; what comes out is told too.
                let Some(crate::Argument::Signals(set)) = arguments.get(1) else { return };
                let Some(thread) = self.threads.get_mut(&task) else { return };
                match arguments.number(0) {
                    Some(0) => thread.mask.extend(set),
                    Some(1) => thread.mask.retain(|signal| !set.contains(signal)),
                    _ => thread.mask = set.iter().copied().collect(),
                }
            }
            "rt_sigtimedwait" => self.no_longer_pending(task, value as i32),
            _ => {}
        }
    }

    /// Calls that block other signals while they last: `rt_sigsuspend(2)`, `ppoll(2)`.
    pub(super) fn blocks_instead(&mut self, task: Task, name: &str, arguments: &Arguments<'_>) {
        const CALLS: [&str; 5] =
            ["rt_sigsuspend", "ppoll", "pselect6", "epoll_pwait", "epoll_pwait2"];
        let Some(thread) = self.threads.get_mut(&task) else { return };
        let set = arguments.signals().filter(|_| CALLS.contains(&name));
        thread.instead = set.map(|set| set.iter().copied().collect());
    }

    /// The old mask is back when such a call returns; if a signal has interrupted it, not before
    /// that one's handler, which begins with the call's mask and returns to the old one.
    pub(super) fn blocks_again(&mut self, task: Task, result: &Outcome) {
        let interrupted = match result {
            Outcome::Interrupted => true,
            Outcome::Error(name) => name == "EINTR",
            Outcome::Value(_) | Outcome::Task(_) => false,
        };
        if let Some(thread) = self.threads.get_mut(&task).filter(|_| !interrupted) {
            thread.instead = None;
        }
    }

    /// What is set for a signal in a process.
    #[must_use]
    pub fn disposition(&self, task: Task, signal: i32) -> Disposition {
        let process = self.processes.get(&self.process_of(task));
        process
            .and_then(|process| process.actions.get(&signal))
            .map_or(Disposition::Default, |action| action.disposition)
    }

    pub(super) fn signalled(&mut self, task: Task, signal: i32, by: Option<Task>) {
        if signal == SIGCHLD && by.is_none() {
            self.has_news(task);
        }
        let Some(thread) = self.threads.get_mut(&task) else { return };
        let waits = thread.pending.iter().any(|(pending, _)| *pending == signal);
        if signal >= REAL_TIME || !waits {
            thread.pending.push((signal, by));
        }
    }

    pub(super) fn delivered(&mut self, task: Task, signal: i32, disposition: Disposition) {
        let known = self.is_pending(task, signal);
        self.no_longer_pending(task, signal);
        if signal == SIGCHLD && !known {
            self.has_news(task);
        }
        let process = self.process_of(task);
        let action = self.processes.get(&process).and_then(|found| found.actions.get(&signal));
        let blocks: BTreeSet<i32> = action.map(|action| action.mask.clone()).unwrap_or_default();
        let Some(thread) = self.threads.get_mut(&task) else { return };
        match disposition {
            Disposition::Handler => {
                thread.activity = Activity::Running;
                thread.handlers.push(Frame { signal, mask: thread.mask.clone() });
                if let Some(instead) = thread.instead.take() {
                    thread.mask = instead;
                }
                thread.mask.extend(blocks);
                thread.mask.insert(signal);
            }
            Disposition::Default => thread.dying |= kills(signal),
            Disposition::Ignore => {}
        }
        thread.takes = Some(signal);
    }

    pub(super) fn handler_returns(&mut self, task: Task) {
        let frame = self.threads.get_mut(&task).and_then(|thread| thread.handlers.pop());
        match (frame, self.threads.get_mut(&task)) {
            (Some(frame), Some(thread)) => thread.mask = frame.mask,
            _ => self.expect("expected a handler to run before it returns".into()),
        }
    }

    pub(super) fn stopped(&mut self, task: Task, by: Option<i32>) {
        let process = self.process_of(task);
        let Some(found) = self.processes.get_mut(&process) else { return };
        found.stopped = by;
        let parent = found.parent;
        if let Some(parent) = parent.and_then(|parent| self.processes.get_mut(&parent)) {
            parent.news += 1;
        }
    }

    /// A read of a signalfd takes signals as a handler would, 128 bytes each.
    pub(super) fn takes_signals(&mut self, task: Task, fd: i32, bytes: u64) {
        let Some(found) = self.description(task, fd) else { return };
        if found.kind != Kind::SignalFd {
            return;
        }
        let set = found.signals.clone();
        for _ in 0..bytes / 128 {
            let family: Vec<Task> = self.threads_of(self.process_of(task)).collect();
            let pending = family.iter().filter_map(|task| self.threads.get(task));
            let all = pending.flat_map(|thread| &thread.pending).map(|(signal, _)| *signal);
            let Some(signal) = all.filter(|signal| set.contains(signal)).min() else { return };
            self.no_longer_pending(task, signal);
        }
    }

    /// The thread itself, and then the others of its process, whose signals it may take too.
    fn family(&self, task: Task) -> Vec<Task> {
        let process = self.process_of(task);
        let others = self.threads.iter().filter(|(_, thread)| thread.process == process);
        std::iter::once(task).chain(others.map(|(task, _)| *task)).collect()
    }

    fn is_pending(&self, task: Task, signal: i32) -> bool {
        let family = self.family(task);
        let mut threads = family.iter().filter_map(|task| self.threads.get(task));
        threads.any(|thread| thread.pending.iter().any(|(pending, _)| *pending == signal))
    }

    fn no_longer_pending(&mut self, task: Task, signal: i32) {
        for member in self.family(task) {
            let Some(thread) = self.threads.get_mut(&member) else { continue };
            let found = thread.pending.iter().position(|(pending, _)| *pending == signal);
            if let Some(index) = found {
                thread.pending.remove(index);
                return;
            }
        }
    }

    /// The kernel tells a parent of a child only after the child has ended, stopped or gone on.
    fn has_news(&mut self, task: Task) {
        let process = self.process_of(task);
        let Some(found) = self.processes.get_mut(&process) else { return };
        if found.news == 0 {
            self.expect("expected a child to end or stop before SIGCHLD tells of it".into());
        } else {
            found.news -= 1;
        }
    }
}

/// Whether a signal at its default ends the process: signal(7).
pub(crate) fn kills(signal: i32) -> bool {
    // CHLD, CONT, STOP, TSTP, TTIN, TTOU, URG and WINCH don't.
    !matches!(signal, 17 | 18 | 19 | 20 | 21 | 22 | 23 | 28)
}
