//! Signals: sent, waiting, delivered.

use nix::unistd::Pid;
use trace::Task;
use trace::call::Argument;
use trace::event::{Disposition, What};

use crate::look::{self, Doing};
use crate::outside;
use crate::ptrace::{self, Stop};
use crate::recording::Recording;
use crate::schedule::Policy;
use crate::task::{Call, Sent, State, Tracee};

/// Whether a call sends a signal.
pub(crate) fn sends(name: &str) -> bool {
    matches!(
        name,
        "kill" | "tkill" | "tgkill" | "pidfd_send_signal" | "rt_sigqueueinfo" | "rt_tgsigqueueinfo"
    )
}

/// Whether a signal ends, stops or continues a process in which nobody runs.
fn reaches_who_stands(signal: i32) -> bool {
    matches!(
        signal,
        libc::SIGKILL
            | libc::SIGSTOP
            | libc::SIGTSTP
            | libc::SIGTTIN
            | libc::SIGTTOU
            | libc::SIGCONT
    )
}

impl Call {
    /// Whether it sends a signal to somebody whom it doesn't name, such as a process group.
    pub(crate) fn sends_to_many(&self) -> bool {
        let named = self.arguments.iter().any(|argument| matches!(argument, Argument::Task(_)));
        sends(self.name) && !named
    }
}

impl Recording<'_> {
    /// A call has sent a signal. To one task, that is told at once; who else has got it, as in a
    /// process group, shows when all is settled.
    pub(crate) fn has_sent(&mut self, by: Task, call: &Call) {
        let (to_thread, target, signal) = match call.arguments[..] {
            [Argument::Task(target), Argument::Signal(signal), ..] => {
                (call.name == "tkill", target, signal)
            }
            [_, Argument::Task(target), Argument::Signal(signal), ..] => (true, target, signal),
            [_, Argument::Signal(signal), ..] if let Some(target) = self.behind_pidfd(by, call) => {
                (false, target, signal)
            }
            [_, Argument::Signal(signal), ..] => {
                self.sent = Some(Sent { by: Some(by), signal });
                return;
            }
            _ => return,
        };
        if !(1..=64).contains(&signal) {
            return;
        }
        // That one never waits: who has sent it was told already.
        if signal == libc::SIGKILL {
            self.sent = Some(Sent { by: Some(by), signal });
            return;
        }
        let bit = look::only(signal);
        if to_thread && let Some(tracee) = self.tasks.get_mut(&target) {
            tracee.sent |= bit;
            tracee.pending |= bit;
        } else if let Some(process) = self.processes.get_mut(&target).filter(|p| !p.ended) {
            process.sent |= bit;
            process.pending |= bit;
        } else {
            return;
        }
        self.tell(target, What::Signalled { signal, by: Some(by) });
        if reaches_who_stands(signal) {
            self.sent = Some(Sent { by: Some(by), signal });
        }
    }

    /// The process that a call sends a signal to by a pidfd.
    pub(crate) fn behind_pidfd(&self, by: Task, call: &Call) -> Option<Task> {
        // With flags, it may be meant for a thread, or for a group.
        if call.name != "pidfd_send_signal" || call.args[3] != 0 {
            return None;
        }
        let info = outside::info(self.tasks.get(&by)?.pid, call.args[0] as i32);
        self.by_pid.get(&outside::behind_pidfd(&info)?).copied()
    }

    /// A signal is about to be delivered. The kernel asks the tracer even about one that is ignored.
    pub(crate) fn signalled(&mut self, task: Task, signal: i32) {
        self.ready(task, signal);
        let Some(tracee) = self.tasks.get_mut(&task) else { return };
        let (pid, bit) = (tracee.pid, look::only(signal));
        let set = tracee.look.signals();
        let mut was_told = (tracee.pending | tracee.sent) & bit != 0;
        // A real-time signal that was sent twice still waits when it is delivered.
        let left = set.pending | set.pending_for_all | !bit;
        tracee.pending &= left;
        tracee.sent &= left;
        if let Some(process) = self.processes.get_mut(&tracee.process) {
            was_told |= (process.pending | process.sent) & bit != 0;
            process.pending &= left;
            process.sent &= left;
        }
        if !was_told {
            if signal == libc::SIGCHLD {
                self.tell_child_first(pid);
            }
            let sender = ptrace::sender(pid).ok().flatten();
            let by = sender.map(|sender| self.names.task(sender));
            self.tell(task, What::Signalled { signal, by });
        }
        let disposition = match bit {
            _ if set.ignored & bit != 0 => Disposition::Ignore,
            _ if set.caught & bit != 0 => Disposition::Handler,
            _ => Disposition::Default,
        };
        self.tell(task, What::Delivered { signal, disposition });
        if let Some(tracee) = self.tasks.get_mut(&task) {
            tracee.takes = Some(signal);
        }
    }

    /// The kernel puts a signal back that it was about to deliver to a thread which another one's exec has ended: the process
    /// hears of it again.
    pub(crate) fn may_put_back(&mut self, tracee: &Tracee) {
        if tracee.takes == Some(libc::SIGCHLD)
            && let Some(process) = self.processes.get_mut(&tracee.process)
        {
            process.news += 1;
        }
    }

    /// Where all run at once, the kernel may have told a parent of a child before the child's stop was heard:
    /// then SIGCHLD is told when it is told again, or delivered.
    fn comes_too_early(&mut self, task: Task) -> bool {
        let process = self.tasks.get(&task).map_or(task, |tracee| tracee.process);
        let early = self.processes.get(&process).is_some_and(|process| process.news == 0);
        if early {
            self.was_not_told(task, look::only(libc::SIGCHLD));
        }
        early
    }

    /// A SIGCHLD about to be delivered says whose it is: what it tells of has happened before.
    fn tell_child_first(&mut self, pid: Pid) {
        let Ok(Some((code, child, signal))) = ptrace::tells_of_child(pid) else { return };
        let child = self.names.task(child);
        match code {
            libc::CLD_CONTINUED => self.continued(child),
            libc::CLD_STOPPED => self.tell_stopped(child, signal),
            _ => (),
        }
    }

    /// Counts what a parent may be told of by SIGCHLD, and that it was.
    pub(crate) fn count_news(&mut self, task: Task, what: &What) {
        let whose = match what {
            What::Ended { .. } | What::Stopped { .. } | What::Continued => {
                self.processes.get(&task).and_then(|process| process.parent)
            }
            What::Signalled { signal: libc::SIGCHLD, by: None } => {
                self.tasks.get(&task).map(|tracee| tracee.process)
            }
            _ => None,
        };
        if let Some(process) = whose.and_then(|whose| self.processes.get_mut(&whose)) {
            let told = matches!(what, What::Signalled { .. });
            process.news = if told { process.news.saturating_sub(1) } else { process.news + 1 };
        }
    }

    /// Counts the handlers that a task is in. One that is left by a jump counts for good.
    pub(crate) fn count_handlers(&mut self, task: Task, what: &What) {
        let Some(tracee) = self.tasks.get_mut(&task) else { return };
        match what {
            What::Delivered { disposition: Disposition::Handler, .. } => tracee.handlers += 1,
            What::HandlerReturns => tracee.handlers = tracee.handlers.saturating_sub(1),
            What::Exec { .. } => tracee.handlers = 0,
            _ => (),
        }
    }

    /// A call such as sigtimedwait(2) has taken a signal, which could come again.
    pub(crate) fn has_taken(&mut self, task: Task, signal: i64) {
        let Ok(signal @ 1..=64) = i32::try_from(signal) else { return };
        let Some(tracee) = self.tasks.get_mut(&task) else { return };
        let left = !look::only(signal);
        tracee.pending &= left;
        tracee.sent &= left;
        if let Some(process) = self.processes.get_mut(&tracee.process) {
            process.pending &= left;
            process.sent &= left;
        }
    }

    /// Tells the signals that have come to wait since the last time, if any can have. Some stops are known that were not
    /// heard yet.
    pub(crate) fn tell_waiting_signals(&mut self, not_heard: &[(Task, Stop)]) {
        let Some(sent) = self.sent.take() else { return };
        for (task, new) in self.waiting_signals(not_heard) {
            for signal in look::members(new) {
                let by = sent.by.filter(|_| signal == sent.signal);
                if signal == libc::SIGCHLD && by.is_none() && self.comes_too_early(task) {
                    continue;
                }
                self.tell(task, What::Signalled { signal, by });
            }
        }
    }

    /// Some may have been taken without a call that says so, as from a signalfd: they could come again.
    pub(crate) fn forget_taken_signals(&mut self) {
        for (task, new) in self.waiting_signals(&[]) {
            self.was_not_told(task, new);
        }
    }

    /// Some signals were found to wait, and nothing was told of them yet.
    fn was_not_told(&mut self, task: Task, signals: look::Set) {
        if let Some(process) = self.processes.get_mut(&task) {
            process.pending &= !signals;
        }
        if let Some(tracee) = self.tasks.get_mut(&task) {
            tracee.pending &= !signals;
        }
    }

    /// Those of some signals that threads of a process have taken, and nobody has heard of that yet.
    fn in_hand(&self, process: Task, of: look::Set, not_heard: &[(Task, Stop)]) -> look::Set {
        if of == 0 {
            return 0;
        }
        let is_own =
            |task: &Task| self.tasks.get(task).is_some_and(|tracee| tracee.process == process);
        // One that has been killed since can't be asked any more.
        let stopped = not_heard.iter().fold(0, |set, (task, stop)| match stop {
            Stop::Signal(signal) if is_own(task) => set | look::only(*signal),
            _ => set,
        });
        let threads = || self.tasks.iter().filter(|(_, tracee)| tracee.process == process);
        // In free order, one may be on its way to the stop at which it will say so.
        let may_have = |(&task, tracee): (&Task, &Tracee)| {
            tracee.state == State::Runs && self.doing(task) == Doing::Something
        };
        if self.options.policy == Policy::Free && threads().any(may_have) {
            return of;
        }
        let signals = threads().filter_map(|(_, tracee)| ptrace::about_to_deliver(tracee.pid));
        signals.fold(stopped, |set, signal| set | look::only(signal)) & of
    }

    /// Looks which signals wait, and returns those that did not the last time.
    fn waiting_signals(&mut self, not_heard: &[(Task, Stop)]) -> Vec<(Task, look::Set)> {
        let mut news = Vec::new();
        let signals: Vec<_> =
            self.tasks.iter().map(|(&task, tracee)| (task, tracee.look.signals())).collect();
        for (task, signals) in signals {
            let Some(tracee) = self.tasks.get(&task) else { continue };
            let (process, known) = (tracee.process, tracee.pending);
            // SIGKILL waits for a moment only, which nobody could tell from another.
            let lasting = !look::only(libc::SIGKILL);
            let (own, shared) = (signals.pending & lasting, signals.pending_for_all & lasting);
            news.push((task, own & !known));
            let own = own | self.in_hand(process, known & !own, not_heard);
            if let Some(tracee) = self.tasks.get_mut(&task) {
                tracee.pending = own;
            }
            let known = self.processes.get(&process).map_or(0, |process| process.pending);
            news.push((process, shared & !known));
            let shared = shared | self.in_hand(process, known & !shared, not_heard);
            if let Some(process) = self.processes.get_mut(&process) {
                process.pending = shared;
            }
        }
        news.retain(|&(_, new)| new != 0);
        news
    }
}
