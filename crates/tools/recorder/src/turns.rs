//! The loop: one task runs until it stops or sleeps; then all who were woken by that are heard; then
//! the next is chosen.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::signal::{SigSet, Signal, kill};
use nix::unistd::Pid;
use trace::Task;
use trace::event::{Status, What};

use crate::look::Doing;
use crate::ptrace::{self, Stop};
use crate::recording::Recording;
use crate::schedule::Policy;
use crate::task::{State, Tracee};
use crate::{Ended, Error};

/// How long to wait for a stop before looking whether the task sleeps: at first, and at most.
pub(crate) const PAUSE: Duration = Duration::from_micros(50);
pub(crate) const LONG_PAUSE: Duration = Duration::from_millis(10);
/// How long to ask again and again for a stop, before anything else is done.
const SOON: Duration = Duration::from_micros(30);
/// How long to wait before asking again whether somebody can still come.
const ASK_AGAIN: Duration = Duration::from_millis(200);
/// After so much time, a task that computes is looked at; after so much of the processor's time, others
/// that could run are let run.
const COMPUTES: Duration = Duration::from_secs(1);

impl Recording<'_> {
    // ANCHOR: run
    /// Steps until all have ended.
    pub(crate) fn run(&mut self) -> Result<Ended, Error> {
        loop {
            self.settle()?;
            self.end_if_due();
            self.tell_tables();
            if self.tasks.is_empty() {
                break;
            }
            let ready = |tasks: &BTreeMap<_, _>| tasks.iter().filter_map(since).collect::<Vec<_>>();
            self.wakes_first(&ready(&self.tasks));
            self.let_go(&ready(&self.tasks));
            let ready = ready(&self.tasks);
            match self.turns.choose(&ready) {
                Some(task) => self.turn(task, &ready)?,
                None => {
                    let began = Instant::now();
                    self.wait()?;
                    self.time_passes(began.elapsed());
                }
            }
        }
        self.tell(Task(1), What::End);
        let status = self.status.unwrap_or(Status::Signal(libc::SIGKILL));
        let (late, warnings) = (self.late.take(), std::mem::take(&mut self.warnings));
        Ok(Ended { status, stuck: self.stuck, late, warnings, unmet: self.unmet() })
    }
    // ANCHOR_END: run

    /// Lets one task run until it stops or sleeps.
    fn turn(&mut self, task: Task, ready: &[(Task, u64)]) -> Result<(), Error> {
        let free = self.options.policy == Policy::Free;
        if !free {
            self.tell_whose_turn(task, ready);
        }
        self.let_run(task);
        let (began, mut pause, mut soon) = (Instant::now(), PAUSE, true);
        let mut ran_by_then = None;
        while !free && self.runs(task) {
            let next =
                if std::mem::take(&mut soon) { self.next_soon(Some(task))? } else { self.next()? };
            if let Some((pid, stop)) = next {
                self.heard(pid, stop, Some(task));
                soon = true;
                continue;
            }
            if self.is_outlived(task) {
                self.first_thread_ended(task);
            } else if self.is(task, State::Runs) && self.doing(task) == Doing::Sleeps {
                self.falls_asleep(task);
            }
            let others = ready.len() > 1
                || self.tasks.values().any(|other| other.kept.is_some())
                || self.has_sleepers();
            if others && began.elapsed() > COMPUTES {
                let ran = self.tasks.get(&task).and_then(|task| task.look.ran());
                let before = *ran_by_then.get_or_insert(ran);
                // Not the clock: on a busy machine, who runs may get no processor for longer than this.
                if ran.zip(before).is_none_or(|(ran, before)| ran - before > COMPUTES) {
                    self.turns.give_up(task);
                    self.need_not_stand();
                    self.tasks.get(&task).map(|tracee| ptrace::interrupt(tracee.pid));
                }
            }
            self.end_if_due();
            if self.runs(task) && !wait_for_news(pause) {
                pause = LONG_PAUSE.min(pause * 2);
            }
        }
        Ok(())
    }

    fn tell_whose_turn(&mut self, task: Task, ready: &[(Task, u64)]) {
        for &(other, _) in ready.iter().filter(|&&(other, _)| other != task) {
            if self
                .tasks
                .get_mut(&other)
                .is_some_and(|other| !std::mem::replace(&mut other.held, true))
            {
                self.tell(other, What::Held);
            }
        }
        if self.tasks.get_mut(&task).is_some_and(|task| std::mem::take(&mut task.held)) {
            self.tell(task, What::Runs);
        }
    }

    /// A task that is ready runs from now on.
    pub(crate) fn let_run(&mut self, task: Task) {
        let Some(tracee) = self.tasks.get(&task) else { return };
        let State::Ready { signal, .. } = tracee.state else { return };
        if self.may_be_another(task) {
            return;
        }
        let Some(tracee) = self.tasks.get_mut(&task) else { return };
        tracee.state = State::Runs;
        // It may have been killed meanwhile: that is told by its next stop.
        _ = ptrace::resume(tracee.pid, signal);
    }

    /// Whether another thread, which was let run into exec, may have this one's id by now: to let this one run would let that one run.
    fn may_be_another(&self, task: Task) -> bool {
        let execs =
            |(other, it): (Task, &Tracee)| it.state == State::Runs && self.is_in_exec(other);
        self.options.policy == Policy::Free && self.is_first(task) && self.siblings(task).any(execs)
    }

    fn runs(&self, task: Task) -> bool {
        self.is(task, State::Runs) || self.is(task, State::Ends)
    }

    pub(crate) fn is(&self, task: Task, state: State) -> bool {
        self.tasks.get(&task).is_some_and(|tracee| tracee.state == state)
    }

    /// What a task does; in vfork, it sleeps as anywhere.
    pub(crate) fn doing(&self, task: Task) -> Doing {
        let Some(tracee) = self.tasks.get(&task) else { return Doing::Ended };
        let may_sleep = tracee
            .call
            .as_ref()
            .is_some_and(|call| call.may_sleep() || self.may_be_asked && call.sleeps_only_to_ask());
        if tracee.state == State::Runs && !may_sleep {
            return Doing::Something;
        }
        match tracee.look.doing() {
            Doing::SleepsDeeply if tracee.is_in("vfork") => Doing::Sleeps,
            Doing::Sleeps if tracee.state == State::Ends => Doing::Something,
            doing => doing,
        }
    }

    pub(crate) fn falls_asleep(&mut self, task: Task) {
        self.tell_sleep(task);
        self.set_state(task, State::Sleeps);
        self.may_sleep_until(task);
        self.may_queue(task);
    }

    /// The next stop, if it comes so soon that going to sleep would take longer. Whoever waits for this processor,
    /// as the task itself may, has it meanwhile; where many do, that takes long, and then nobody asks so for a while.
    pub(crate) fn next_soon(&mut self, turn: Option<Task>) -> Result<Option<(Pid, Stop)>, Error> {
        let Some(waiting) = self.begins_to_ask(turn) else { return self.next() };
        loop {
            let next = self.next()?;
            if next.is_some() || waiting.elapsed() >= SOON {
                self.makes_way_in_a_crowd(&waiting);
                return Ok(next);
            }
            std::thread::yield_now();
        }
    }

    /// The next stop, if there is one.
    pub(crate) fn next(&self) -> Result<Option<(Pid, Stop)>, Error> {
        match ptrace::next(None, false) {
            // All are gone, and that was not told of all yet.
            Err(Errno::ECHILD) if !self.later.is_empty() || self.tasks.is_empty() => Ok(None),
            next => next.map_err(Error::Lost),
        }
    }

    /// Hears of a stop: what the task does whose turn it is counts at once, others when it is over.
    pub(crate) fn heard(&mut self, pid: Pid, stop: Stop, turn: Option<Task>) {
        let Some(task) = self.owner(pid, stop) else {
            // Whoever ends is never held, not even before it is told of: its process's end, or exec, waits for it.
            if stop == Stop::Exit {
                _ = ptrace::resume(pid, 0);
            }
            self.strangers.insert(pid, stop);
            return;
        };
        if Some(task) == turn && self.has_slept_unseen(task, stop) {
            return;
        }
        if Some(task) == turn && stop == Stop::Exec {
            self.hear_who_made_way(task);
        }
        if Some(task) == turn || stop == Stop::Exit {
            self.stopped(task, stop);
        } else {
            self.later.push((pid, stop));
        }
    }

    /// exec has waited until the other threads have ended. In which order they were heard of is chance.
    fn hear_who_made_way(&mut self, execs: Task) {
        let others: Vec<_> = self.siblings(execs).map(|(other, _)| other).collect();
        let later = std::mem::take(&mut self.later);
        let (mut gone, later): (Vec<_>, Vec<_>) = later.into_iter().partition(|&(pid, stop)| {
            let task = self.owner(pid, stop);
            matches!(stop, Stop::Gone(_)) && task.is_some_and(|task| others.contains(&task))
        });
        self.later = later;
        gone.sort_by_key(|&(pid, stop)| self.owner(pid, stop));
        for (pid, stop) in gone {
            if let Some(task) = self.owner(pid, stop) {
                self.stopped(task, stop);
            }
        }
    }

    pub(crate) fn is_in_exec(&self, task: Task) -> bool {
        self.tasks.get(&task).is_some_and(|task| task.is_in("execve") || task.is_in("execveat"))
    }

    /// Nobody can be let run: waits until somebody stops, or it is clear that nobody will.
    fn wait(&mut self) -> Result<(), Error> {
        let (began, mut pause) = (Instant::now(), PAUSE);
        let mut patience = self.options.patience;
        loop {
            if let Some((pid, stop)) = self.next()? {
                self.heard(pid, stop, None);
                return Ok(());
            }
            let running: Vec<_> = self
                .tasks
                .iter()
                .filter(|(_, t)| t.state == State::Runs)
                .map(|(&t, _)| t)
                .collect();
            for &task in &running {
                if self.doing(task) == Doing::Sleeps {
                    self.falls_asleep(task);
                }
            }
            // A timer rings for one who stands, too.
            if !self.is_over && self.moves_up() {
                return Ok(());
            }
            self.end_if_due();
            let ask = running.is_empty() && !self.is_over && began.elapsed() > patience;
            if ask {
                patience = began.elapsed() + ASK_AGAIN;
            }
            if ask && self.is_stuck() {
                if self.let_one_go() {
                    return Ok(());
                }
                (self.stuck, self.is_over) = (true, true);
                let first = self.tasks.keys().next().copied().unwrap_or(Task(1));
                self.tell(first, What::Stuck);
                self.kill_all();
                return Ok(());
            }
            wait_for_news(pause);
            pause = LONG_PAUSE.min(pause * 2);
        }
    }

    /// Ends everybody at once, so that nobody goes on because another one has ended.
    pub(crate) fn kill_all(&mut self) {
        for process in self.processes.values().filter(|process| !process.ended) {
            _ = kill(process.pid, Signal::SIGKILL);
        }
        // Of some the end was told already.
        for tracee in self.tasks.values_mut().filter(|tracee| tracee.state != State::Ended) {
            tracee.state = State::Ends;
        }
    }
}

fn since((&task, tracee): (&Task, &Tracee)) -> Option<(Task, u64)> {
    match tracee.state {
        State::Ready { since, .. } if tracee.kept.is_none() => Some((task, since)),
        _ => None,
    }
}

/// Waits for SIGCHLD, which each stop sends, but no longer than this: where other threads take the
/// signal, looking again must do. Returns whether it came.
pub(crate) fn wait_for_news(at_most: Duration) -> bool {
    let set = SigSet::from(Signal::SIGCHLD);
    let timeout = libc::timespec { tv_sec: 0, tv_nsec: i64::from(at_most.subsec_nanos()) };
    // SAFETY: both point to variables of ours, and nobody wants to know who has sent the signal.
    let waited = unsafe { libc::sigtimedwait(set.as_ref(), std::ptr::null_mut(), &timeout) };
    Errno::result(waited).is_ok()
}
