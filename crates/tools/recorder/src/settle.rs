//! Between two turns: who was woken by the last one is heard, causes first.

use nix::unistd::Pid;
use trace::Task;

use crate::Error;
use crate::look::Doing;
use crate::ptrace::Stop;
use crate::recording::Recording;
use crate::schedule::Policy;
use crate::task::{State, Tracee};
use crate::turns::{LONG_PAUSE, PAUSE, wait_for_news};

/// From this rank on, a stop may be what others have brought about.
const EFFECT: u8 = 2;

impl Recording<'_> {
    /// Hears all who were woken, until nobody moves any more but those who have their turn.
    pub(crate) fn settle(&mut self) -> Result<(), Error> {
        if self.is_calm() {
            return Ok(());
        }
        let (mut pause, mut soon) = (PAUSE, true);
        loop {
            while !self.tasks.is_empty()
                && let Some((pid, stop)) = self.next()?
            {
                self.heard(pid, stop, None);
            }
            let ends = |(_, tracee): &(&Task, &Tracee)| tracee.state == State::Ends;
            // Nobody needs to look at those in /proc.
            let somebody_ends = self.tasks.iter().filter(ends).any(|(&task, _)| self.moves(task));
            if somebody_ends || self.somebody_moves() {
                self.end_if_due();
                if std::mem::take(&mut soon)
                    && let Some((pid, stop)) = self.next_soon(None)?
                {
                    self.heard(pid, stop, None);
                    continue;
                }
                wait_for_news(pause);
                pause = LONG_PAUSE.min(pause * 2);
                continue;
            }
            // Whoever stopped while the others were looked at.
            if let Some((pid, stop)) = self.next()? {
                self.heard(pid, stop, None);
                continue;
            }
            let outlived = |task: &Task| self.is_outlived(*task);
            for task in self.tasks.keys().copied().filter(outlived).collect::<Vec<_>>() {
                self.first_thread_ended(task);
            }
            if self.later.is_empty() && self.sent.is_none() {
                if self.moves_up() {
                    continue;
                }
                self.forget_strangers();
                return Ok(());
            }
            self.hear_later();
        }
    }

    /// Whether somebody moves. With several it is asked twice: who was looked at first may have been woken by one who has gone to sleep since.
    fn somebody_moves(&self) -> bool {
        (0..self.tasks.len().min(2)).any(|_| self.tasks.keys().any(|&task| self.moves(task)))
    }

    /// Whether a task will stop, or sleep again, or be gone, without anybody's doing.
    fn moves(&self, task: Task) -> bool {
        let free = self.options.policy == Policy::Free;
        let Some(tracee) = self.tasks.get(&task) else { return false };
        let has_stopped = |&(pid, stop): &(Pid, Stop)| {
            let Some(owner) = self.owner(pid, stop) else { return false };
            // Whoever has called exec is alone, and the first thread's files in /proc are its own now.
            let alone = |other: &Tracee| stop == Stop::Exec && other.process == tracee.process;
            owner == task || self.tasks.get(&owner).is_some_and(alone)
        };
        if self.later.iter().any(has_stopped) {
            return false;
        }
        match tracee.state {
            State::Sleeps if tracee.queued.is_some() => {
                self.sent.is_some() && !tracee.look.is_stopped()
            }
            State::Sleeps => self.doing(task) != Doing::Sleeps,
            State::Ends => !self.is_outlived(task),
            State::Runs if free && tracee.call.is_some() => {
                !matches!(self.doing(task), Doing::Sleeps | Doing::SleepsDeeply)
            }
            // SIGKILL and SIGCONT reach even one that is stopped.
            State::Ready { .. } | State::Stopped if self.sent.is_some() => {
                !tracee.look.is_stopped()
            }
            _ => false,
        }
    }

    /// Whether a process's first thread has ended before the others: nothing else says so until they have too.
    pub(crate) fn is_outlived(&self, task: Task) -> bool {
        self.is(task, State::Ends)
            && self.is_first(task)
            && self.siblings(task).next().is_some()
            && self.doing(task) == Doing::Ended
    }

    /// Whether a thread has its process's id: the first, or the one that has called exec.
    pub(crate) fn is_first(&self, task: Task) -> bool {
        let Some(tracee) = self.tasks.get(&task) else { return false };
        self.processes.get(&tracee.process).is_some_and(|process| process.pid == tracee.pid)
    }

    /// The other threads of a task's process.
    pub(crate) fn siblings(&self, task: Task) -> impl Iterator<Item = (Task, &Tracee)> {
        let process = self.tasks.get(&task).map(|tracee| tracee.process);
        let others = self.tasks.iter().filter(move |&(&other, _)| other != task);
        others.filter(move |(_, it)| Some(it.process) == process).map(|(&other, it)| (other, it))
    }

    /// The stops that came together, causes first.
    fn hear_later(&mut self) {
        let mut later: Vec<_> = std::mem::take(&mut self.later)
            .into_iter()
            .filter_map(|(pid, stop)| Some((self.owner(pid, stop)?, stop)))
            .collect();
        later.sort_by_key(|&(task, stop)| (self.rank(task, stop), task));
        let effects = later.partition_point(|&(task, stop)| self.rank(task, stop) < EFFECT);
        let effects = later.split_off(effects);
        for (task, stop) in later {
            self.stopped(task, stop);
        }
        // Only now is it certain which signals wait, and which have been taken at once.
        self.tell_waiting_signals(&effects);
        for (task, stop) in effects {
            if !self.stands(task, stop) {
                self.stopped(task, stop);
            }
        }
    }

    fn rank(&self, task: Task, stop: Stop) -> u8 {
        let waited = self.tasks.get(&task).and_then(|tracee| tracee.call.as_ref());
        match stop {
            Stop::Call if waited.is_some_and(|call| call.slept || call.may_wait()) => EFFECT + 1,
            Stop::Signal(_) => EFFECT,
            Stop::Gone(_) | Stop::Group(_) | Stop::Trap => EFFECT - 1,
            _ => 0,
        }
    }
}
