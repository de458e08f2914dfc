//! Who waits for several things stands aside while a process ends.
//!
//! The end closes the process's descriptors one by one. Who polls the other ends of several is woken by the first, and has looked
//! before the last is closed or after it: that is chance. So it is taken out of its call, stands until the end is over,
//! and begins the call again, which no program can tell. Signals have to wait meanwhile: they must not interrupt a call that has
//! something to report.
//!
//! Not those with threads: a signal would come to another one, and another one can close what is polled.

use nix::unistd::Pid;
use trace::Task;

use crate::look::Set;
use crate::machine;
use crate::ptrace::{self, AtCall, Stop};
use crate::queues::take_out;
use crate::recording::Recording;
use crate::schedule::Policy;
use crate::task::{Call, State, Tracee};

/// The kernel's own codes, for a call that begins again by itself: ERESTARTNOINTR; ERESTARTNOHAND and ERESTART_RESTARTBLOCK,
/// where it then waits for no longer than the rest of its time.
const BEGINS_AGAIN: i64 = -513;
const UNLESS_HANDLED: i64 = -514;
const FOR_THE_REST: i64 = -516;
const EINTR: i64 = -(libc::EINTR as i64);

/// All of them; SIGKILL and SIGSTOP come nevertheless.
const EVERY_SIGNAL: Set = !0;

impl Call {
    /// Whether it waits for several things, and can be begun again as if it had never been left.
    fn can_stand_aside(&self) -> bool {
        match self.name {
            "poll" | "ppoll" => self.args[1] > 1,
            "select" | "pselect6" => true,
            // With a timeout, it would wait for all of that again.
            "epoll_wait" | "epoll_pwait" => self.args[2] > 1 && self.args[3] as i32 == -1,
            _ => false,
        }
    }

    /// Whether this call, which the kernel doesn't begin again, was left.
    fn was_given_up(&self, result: i64) -> bool {
        self.name.starts_with("epoll") && result == EINTR
    }
}

impl Recording<'_> {
    /// A process is about to end with this task: whoever would be woken halfway stands aside.
    pub(crate) fn make_way(&mut self, ends: Task) {
        let lives = |it: &Tracee| !matches!(it.state, State::Ends | State::Ended);
        if self.options.policy == Policy::Free
            || self.is_over
            || self.siblings(ends).any(|(_, sibling)| lives(sibling))
        {
            return;
        }
        let stands = |tracee: &Tracee| {
            tracee.state == State::Sleeps
                && tracee.queued.is_none()
                // One that has stopped was woken before this, and is heard of later.
                && !tracee.look.is_stopped()
                && tracee.call.as_ref().is_some_and(Call::can_stand_aside)
                && self.processes.get(&tracee.process).is_some_and(|it| !it.shares_table)
        };
        let all = self.tasks.iter().filter(|(_, tracee)| stands(tracee));
        for (task, pid) in all.map(|(&task, tracee)| (task, tracee.pid)).collect::<Vec<_>>() {
            self.stands_aside(task, pid);
        }
    }

    fn stands_aside(&mut self, task: Task, pid: Pid) {
        let Some(stop) = take_out(pid) else { return };
        let Some(call) = self.tasks.get(&task).and_then(|tracee| tracee.call.as_ref()) else {
            return self.heard(pid, stop, None);
        };
        let was_left = match ptrace::at_call(pid) {
            _ if stop != Stop::Call => false,
            Ok(AtCall::Leave(UNLESS_HANDLED | FOR_THE_REST)) => true,
            Ok(AtCall::Leave(result)) if call.was_given_up(result) => {
                machine::returns(pid, BEGINS_AGAIN).is_ok()
            }
            _ => false,
        };
        let mask = ptrace::mask(pid).ok().filter(|_| was_left);
        let Some(mask) = mask else { return self.heard(pid, stop, None) };
        _ = ptrace::set_mask(pid, EVERY_SIGNAL);
        self.clock += 1;
        let since = self.clock;
        if let Some(tracee) = self.tasks.get_mut(&task) {
            (tracee.queued, tracee.aside) = (Some(since), Some(mask));
        }
    }
}
