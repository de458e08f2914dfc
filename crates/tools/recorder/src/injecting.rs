//! Does to the program what [`Injection`]s say, and tells it.

use nix::errno::Errno;
use nix::unistd::Pid;
use trace::Task;
use trace::event::{Injected, What};

use crate::inject::{Deed, Injection, Moment};
use crate::machine::{self, Place};
use crate::recording::Recording;
use crate::task::{Call, Sent, State};
use crate::{look, short};

/// So many times, all who can go on may ask in vain before a hold with a condition ends: they wait for
/// the one that is held.
const IN_VAIN: u32 = 1000;

/// A task that stands before a call which it had begun.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rewound {
    place: Place,
    nth: u32,
}

impl Moment {
    fn is(&self, task: Task, call: &str, nth: u32) -> bool {
        self.task.is_none_or(|whose| whose == task)
            && self.call == call
            && self.nth.is_none_or(|which| which == nth)
    }
}

impl Recording<'_> {
    /// A task is about to enter a call. Whether it has to step back first: for a signal, or to be held.
    pub(crate) fn steps_back(&mut self, task: Task, call: &mut Call) -> bool {
        if self.options.injections.is_empty() {
            return false;
        }
        let Some(tracee) = self.tasks.get_mut(&task) else { return false };
        let (pid, rewound) = (tracee.pid, tracee.rewound);
        if is_remark(call) {
            return false;
        }
        let Ok(place) = machine::place(pid) else { return false };
        if let Some(rewound) = rewound.filter(|rewound| rewound.place == place) {
            (tracee.rewound, call.nth, call.anew) = (None, rewound.nth, true);
            return false;
        }
        let begun = self.counts.begun.entry((task, call.name)).or_default();
        *begun += 1;
        call.nth = *begun;
        let nth = *begun;
        // Until it has made its call anew, it is in a handler, and what that calls is left alone.
        let due = self.due(task, call).into_iter().filter(|_| rewound.is_none());
        let due: Vec<_> = due.filter(|(_, deed)| deed.comes_before()).collect();
        if due.is_empty() || machine::rewind(pid).is_err() {
            return false;
        }
        if let Some(tracee) = self.tasks.get_mut(&task) {
            tracee.rewound = Some(Rewound { place, nth });
        }
        for (index, deed) in due {
            match deed {
                Deed::Signal(signal) => self.sends(task, index, call.name, signal),
                Deed::Hold { .. } => self.keeps(task, index, call.name),
                Deed::Fail(_) | Deed::Short(_) => (),
            }
        }
        true
    }

    /// A call has been told: makes it fail, or short.
    pub(crate) fn changes(&mut self, task: Task, call: &mut Call) {
        let Some(pid) = self.tasks.get(&task).map(|tracee| tracee.pid) else { return };
        for (index, deed) in self.due(task, call) {
            let deed = match deed {
                Deed::Fail(errno) if machine::skip(pid, -i64::from(errno as i32)).is_ok() => {
                    call.skipped = true;
                    Injected::Fails(format!("{errno:?}"))
                }
                Deed::Short(count) if !call.skipped && call.changed.is_none() => {
                    call.changed = short::shorten(pid, call, count);
                    if call.changed.is_none() {
                        continue;
                    }
                    Injected::Short(count)
                }
                _ => continue,
            };
            self.tell_injected(task, index, call.name, deed);
        }
    }

    /// Whether something is to be done to this call that goes with the telling of it.
    pub(crate) fn is_to_change(&self, task: Task, call: &Call) -> bool {
        self.due(task, call).iter().any(|(_, deed)| !deed.comes_before())
    }

    fn due(&self, task: Task, call: &Call) -> Vec<(usize, Deed)> {
        if call.nth == 0 {
            return Vec::new();
        }
        let all = self.options.injections.iter().enumerate();
        let due = all.filter(|(_, injection)| injection.at.is(task, call.name, call.nth));
        due.map(|(index, injection)| (index, injection.deed.clone())).collect()
    }

    fn tell_injected(&mut self, task: Task, index: usize, call: &str, deed: Injected) {
        self.counts.mark(index, |counts| &mut counts.happened);
        self.tell(task, What::Injected { call: call.to_string(), deed });
    }

    fn sends(&mut self, task: Task, index: usize, call: &str, signal: i32) {
        let Some(tracee) = self.tasks.get_mut(&task) else { return };
        let Some(process) = self.processes.get_mut(&tracee.process) else { return };
        let asked = self.options.injections.get(index).and_then(|injection| injection.at.task);
        // To a process, as kill(2) sends it: the kernel finds a thread that takes it.
        let to_thread = asked.is_some() && task != tracee.process;
        let (to, sent) = if to_thread {
            (task, tgkill(process.pid, tracee.pid, signal))
        } else {
            (tracee.process, kill(process.pid, signal))
        };
        if sent.is_err() {
            return;
        }
        let (sent, pending) = if to_thread {
            (&mut tracee.sent, &mut tracee.pending)
        } else {
            (&mut process.sent, &mut process.pending)
        };
        *sent |= look::only(signal);
        *pending |= look::only(signal);
        self.tell_injected(task, index, call, Injected::Signal(signal));
        self.tell(to, What::Signalled { signal, by: Some(Task::OUTSIDE) });
        self.sent = Some(Sent { by: Some(Task::OUTSIDE), signal });
    }

    fn keeps(&mut self, task: Task, index: usize, call: &str) {
        let Some(tracee) = self.tasks.get_mut(&task) else { return };
        (tracee.kept, tracee.held) = (Some(index), true);
        self.counts.asked = 0;
        self.tell_injected(task, index, call, Injected::Holds);
        self.tell(task, What::Held);
    }

    /// A call has returned, or its task has ended in it.
    pub(crate) fn is_over(&mut self, task: Task, call: &Call) {
        self.shows_processors_no_more(task);
        if call.nth > 0 {
            self.counts.over.insert((task, call.name), call.nth);
        }
        if call.anew {
            self.turns.enough(task);
        }
    }

    fn until(&self, index: usize) -> Option<&Moment> {
        match &self.options.injections.get(index)?.deed {
            Deed::Hold { until } => until.as_ref(),
            _ => None,
        }
    }

    /// Lets those go who are held until something that has happened now; or else, if none of the others can
    /// go on, one of those that are held for nothing more.
    pub(crate) fn let_go(&mut self, ready: &[(Task, u64)]) {
        let kept = self.kept();
        let over = |index| {
            let until = self.until(index);
            until.is_some_and(|until| self.counts.is_over(until))
        };
        let due: Vec<_> = kept.iter().filter(|&&(_, index)| over(index)).collect();
        for &&(task, _) in &due {
            self.lets_go(task);
        }
        if !due.is_empty() || kept.is_empty() || !self.turns.can_only_ask(ready) {
            return;
        }
        self.counts.asked += u32::from(!ready.is_empty());
        let plain = kept.iter().find(|&&(_, index)| self.until(index).is_none());
        if let Some(&(task, _)) = plain {
            self.lets_go(task);
        } else if self.counts.asked > IN_VAIN || ready.is_empty() && self.is_stuck() {
            self.let_one_go();
        }
    }

    /// Lets the first go of those that are held, whatever it is held for. Returns whether there was one.
    pub(crate) fn let_one_go(&mut self) -> bool {
        let Some(&(task, index)) = self.kept().first() else { return false };
        if self.until(index).is_some() {
            self.counts.mark(index, |counts| &mut counts.in_vain);
        }
        self.lets_go(task);
        true
    }

    fn lets_go(&mut self, task: Task) {
        if let Some(tracee) = self.tasks.get_mut(&task) {
            tracee.kept = None;
            self.turns.prefer(task);
        }
    }

    /// Who is held, and by which injection: first who has been held longest.
    fn kept(&self) -> Vec<(Task, usize)> {
        let kept = self.tasks.iter().filter_map(|(&task, tracee)| match tracee.state {
            State::Ready { since, .. } => Some((since, task, tracee.kept?)),
            _ => None,
        });
        let mut kept: Vec<_> = kept.collect();
        kept.sort_unstable();
        kept.into_iter().map(|(_, task, index)| (task, index)).collect()
    }

    /// The injections that have not happened, or holds that ended otherwise, and why.
    pub(crate) fn unmet(&self) -> Vec<(Injection, String)> {
        let is = |list: &Vec<bool>, index| list.get(index).copied().unwrap_or_default();
        let mut unmet = Vec::new();
        for (index, injection) in self.options.injections.iter().enumerate() {
            if !is(&self.counts.happened, index) {
                unmet.push((injection.clone(), self.counts.why_not(&injection.at, self.made)));
            } else if is(&self.counts.in_vain, index)
                && let Some(until) = self.until(index)
            {
                let why = self.counts.why_not(until, self.made);
                let why = format!("let go because nobody else could go on: {why}");
                unmet.push((injection.clone(), why));
            }
        }
        unmet
    }
}

impl Deed {
    /// Whether it is done between two calls.
    fn comes_before(&self) -> bool {
        matches!(self, Deed::Hold { .. } | Deed::Signal(_))
    }
}

/// Whether a program says something on standard error: about what it does, and not a part of it.
fn is_remark(call: &Call) -> bool {
    matches!(call.name, "write" | "writev") && call.args[0] == libc::STDERR_FILENO as u64
}

fn kill(process: Pid, signal: i32) -> nix::Result<()> {
    // SAFETY: kill takes numbers only.
    Errno::result(unsafe { libc::kill(process.as_raw(), signal) }).map(drop)
}

fn tgkill(process: Pid, thread: Pid, signal: i32) -> nix::Result<()> {
    let (process, thread) = (process.as_raw(), thread.as_raw());
    // SAFETY: tgkill takes numbers only.
    let sent = unsafe { libc::syscall(libc::SYS_tgkill, process, thread, signal) };
    Errno::result(sent).map(drop)
}
