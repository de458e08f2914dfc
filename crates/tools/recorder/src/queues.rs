//! Who waits behind another one for the same.
//!
//! At an eventfd, a stream, an inotify instance or a clock, the kernel wakes all who sleep, and whoever is the first to look has it:
//! that is chance. So only one of them sleeps there. The others, which a recording says to sleep as well, are taken out of
//! their call, stand, and begin it again, which no program can tell, when nobody is before them or a signal has come.
//!
//! Not those whose descriptors another one can close meanwhile: their call would not be the same any more.

use nix::unistd::Pid;
use trace::Task;

use crate::ptrace::{self, AtCall, Stop};
use crate::recording::Recording;
use crate::schedule::Policy;
use crate::task::{State, Tracee};
use crate::{borrow, files, outside};

/// ERESTARTSYS: the kernel's own code, for a call that begins again by itself.
const BEGINS_AGAIN: i64 = -512;

impl Recording<'_> {
    /// A task has fallen asleep. If another one sleeps at the same place, it waits behind that.
    pub(crate) fn may_queue(&mut self, task: Task) {
        if self.options.policy == Policy::Free || self.is_over || !self.waits_behind(task) {
            return;
        }
        let Some(pid) = self.tasks.get(&task).map(|tracee| tracee.pid) else { return };
        let Some(stop) = take_out(pid) else { return };
        let left_off = stop == Stop::Call
            && matches!(ptrace::at_call(pid), Ok(AtCall::Leave(BEGINS_AGAIN)))
            && self.tasks.contains_key(&task);
        if !left_off {
            return self.heard(pid, stop, None);
        }
        self.clock += 1;
        let since = self.clock;
        if let Some(tracee) = self.tasks.get_mut(&task) {
            tracee.queued = Some(since);
        }
    }

    /// All are at rest: lets the first go on that has nobody before it any more. Returns whether there was one.
    pub(crate) fn moves_up(&mut self) -> bool {
        let queued = self.tasks.iter().filter(|(_, tracee)| tracee.state == State::Sleeps);
        let mut queued: Vec<_> =
            queued.filter_map(|(&task, tracee)| Some((tracee.queued?, task))).collect();
        queued.sort_unstable();
        for (_, task) in queued {
            let Some(tracee) = self.tasks.get(&task) else { continue };
            let pid = tracee.pid;
            if tracee.until.is_some() {
                if !tracee.look.signals().may_come() {
                    continue;
                }
                self.stopped(task, Stop::Call);
            } else if tracee.aside.is_some() {
                self.begins_again(task, pid);
            } else if tracee.look.signals().may_come() {
                self.is_left(task);
            } else if !self.waits_behind(task) {
                self.begins_again(task, pid);
            } else {
                continue;
            }
            return true;
        }
        false
    }

    /// Whether another one sleeps, and does not stand, where this one does.
    fn waits_behind(&self, task: Task) -> bool {
        let Some(place) = self.tasks.get(&task).and_then(|tracee| self.place(tracee)) else {
            return false;
        };
        let sleeps = |other: &Tracee| other.state == State::Sleeps && other.queued.is_none();
        self.tasks.iter().filter(|&(&other, it)| other != task && sleeps(it)).any(|(_, other)| {
            self.place(other).is_some_and(|(pid, number)| {
                files::leads_to(pid, number) == files::leads_to(place.0, place.1)
                    && files::same_description((pid, number), place)
            })
        })
    }

    /// The descriptor at which a task waits, if the kernel wakes all who wait there.
    fn place(&self, tracee: &Tracee) -> Option<(Pid, i32)> {
        let call = tracee.call.as_ref()?;
        let flags = match call.name {
            "read" | "readv" => 0,
            "recvfrom" => call.args[3],
            "recvmsg" => call.args[2],
            _ => return None,
        };
        let number = call.args[0] as i32;
        let process = self.processes.get(&tracee.process).filter(|it| !it.shares_table)?;
        let leads_to = files::leads_to(tracee.pid, number)?;
        let wakes_all = match leads_to.strip_prefix("anon_inode:") {
            Some(kind) => matches!(kind, "[eventfd]" | "[timerfd]" | "inotify"),
            // A part of what it waits for may have come already; and a timeout would begin anew.
            None => {
                leads_to.starts_with("socket:")
                    && flags & libc::MSG_WAITALL as u64 == 0
                    && borrow::borrow(process.pid, number)
                        .is_ok_and(|socket| !outside::has_a_timeout(&socket))
            }
        };
        wakes_all.then_some((tracee.pid, number))
    }

    /// The call that it was taken out of is interrupted after all.
    fn is_left(&mut self, task: Task) {
        if let Some(tracee) = self.tasks.get_mut(&task) {
            tracee.queued = None;
        }
        self.calm = false;
        self.ready(task, 0);
        self.leaves(task, BEGINS_AGAIN);
    }

    /// It enters its call once more, which was told when it did so first.
    fn begins_again(&mut self, task: Task, pid: Pid) {
        let Some(tracee) = self.tasks.get_mut(&task) else { return };
        tracee.queued = None;
        let mask = tracee.aside.take();
        _ = ptrace::resume(pid, 0);
        let Ok(Some((_, stop))) = ptrace::next(Some(pid), true) else { return };
        // Before the call is made: if nothing has come for it, a signal that has waited interrupts it.
        _ = mask.map(|mask| ptrace::set_mask(pid, mask));
        if stop == Stop::Call {
            _ = ptrace::resume(pid, 0);
            return;
        }
        // It was killed, or a signal has come in this moment.
        if !matches!(stop, Stop::Exit | Stop::Gone(_)) {
            self.is_left(task);
        }
        self.heard(pid, stop, None);
    }
}

/// Takes one who sleeps out of its call: the stop at which it stands then, at the call's end, unless it has moved just now.
pub(crate) fn take_out(pid: Pid) -> Option<Stop> {
    ptrace::interrupt(pid).ok()?;
    ptrace::next(Some(pid), true).ok()?.map(|(_, stop)| stop)
}
