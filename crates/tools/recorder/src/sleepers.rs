//! Who has slept for a time goes on when nobody else can.
//!
//! nanosleep(2) says only that it takes no less. How far the others come in a millisecond, while each call is recorded, is chance,
//! on a busy machine above all. So here is a time that passes only while nobody can run, and by that the sleepers go on one after the
//! other: whoever has slept long enough stands until it is its turn, as if nobody's calls had taken any time.
//!
//! But not for ever: another one may ask again and again whether the sleeper is up.

use std::time::Duration;

use trace::Task;
use trace::call::Argument;

use crate::ptrace::{self, AtCall, Stop};
use crate::recording::Recording;
use crate::schedule::Policy;
use crate::task::{Call, State, Tracee};

/// When the others have stopped so often since a sleeper's time was over, it goes on.
const OFTEN: u64 = 4000;
/// The same if one of them asks in vain, and nobody else can run: so often, with no more stops in between than these.
const OFTEN_IN_VAIN: u32 = 50;
const AT_ONCE: u64 = 16;

/// How often the only one that could run has asked in vain, again and again; and when it did so last.
#[derive(Debug, Default)]
pub(crate) struct Asked {
    times: u32,
    last: u64,
}

impl Call {
    /// For how long it sleeps, if it waits for that and for nothing else. Of a sleep until a certain time that is not known.
    fn sleep(&self) -> Option<Duration> {
        let time = match self.name {
            "nanosleep" => self.arguments.first(),
            "clock_nanosleep" if self.args[1] == 0 => self.arguments.get(2),
            _ => None,
        };
        match time {
            Some(&Argument::Time(nanoseconds)) => Some(Duration::from_nanos(nanoseconds)),
            _ => None,
        }
    }
}

impl Tracee {
    /// Whether it stands because others go first.
    fn has_slept(&self) -> bool {
        self.until.is_some() && self.queued.is_some()
    }
}

impl Recording<'_> {
    /// A task has fallen asleep.
    pub(crate) fn may_sleep_until(&mut self, task: Task) {
        let free = self.options.policy == Policy::Free;
        let Some(tracee) = self.tasks.get_mut(&task).filter(|_| !free) else { return };
        let sleep = tracee.call.as_ref().and_then(Call::sleep);
        tracee.until = sleep.map(|time| self.time + time);
    }

    /// A task's sleep has ended before anybody saw it asleep.
    pub(crate) fn has_slept_unseen(&mut self, task: Task, stop: Stop) -> bool {
        let sleeps = |tracee: &Tracee| tracee.call.as_ref().is_some_and(|it| it.sleep().is_some());
        let unseen = self.is(task, State::Runs)
            && stop == Stop::Call
            && self.tasks.get(&task).is_some_and(sleeps)
            && self.time_is_over(task);
        if unseen {
            self.falls_asleep(task);
        }
        unseen && self.stands(task, stop)
    }

    /// A sleeper has stopped. Whether it stands until it is its time: nothing but time has ended its sleep.
    pub(crate) fn stands(&mut self, task: Task, stop: Stop) -> bool {
        let sleeps = |it: &Tracee| it.state == State::Sleeps && it.until.is_some();
        if stop != Stop::Call
            || self.is_over
            || !self.tasks.get(&task).is_some_and(sleeps)
            || !self.time_is_over(task)
        {
            return false;
        }
        self.clock += 1;
        let since = self.clock;
        self.tasks.get_mut(&task).is_some_and(|tracee| {
            tracee.queued = Some(since);
            true
        })
    }

    fn time_is_over(&self, task: Task) -> bool {
        let at_call = self.tasks.get(&task).map(|tracee| ptrace::at_call(tracee.pid));
        matches!(at_call, Some(Ok(AtCall::Leave(0))))
    }

    /// Whether somebody stands whose sleep is over.
    pub(crate) fn has_sleepers(&self) -> bool {
        self.tasks.values().any(Tracee::has_slept)
    }

    /// Lets the first of those go on whose sleep is over, if it has stood for long enough beside those that can run.
    pub(crate) fn wakes_first(&mut self, ready: &[(Task, u64)]) {
        let often = if ready.is_empty() || self.asks_again_and_again(ready) { 0 } else { OFTEN };
        let stands = |tracee: &Tracee| {
            let stood = tracee.queued.map(|since| self.clock - since);
            // Nobody can run: one that is before it will have slept soon.
            stood.map_or(ready.is_empty(), |stood| stood >= often)
        };
        let Some((until, task)) = self.first_sleeper(stands) else { return };
        if self.tasks.get(&task).is_some_and(Tracee::has_slept) {
            self.time = self.time.max(until);
            self.stopped(task, Stop::Call);
        }
    }

    fn asks_again_and_again(&mut self, ready: &[(Task, u64)]) -> bool {
        if !self.turns.can_only_ask(ready) {
            return false;
        }
        let asks_on = self.clock - self.asked.last <= AT_ONCE;
        let times = if asks_on { self.asked.times + 1 } else { 1 };
        self.asked = Asked { times, last: self.clock };
        times >= OFTEN_IN_VAIN
    }

    fn first_sleeper(&self, is: impl Fn(&Tracee) -> bool) -> Option<(Duration, Task)> {
        let sleeps = |it: &Tracee| it.state == State::Sleeps && is(it);
        let sleepers = self.tasks.iter().filter(|(_, tracee)| sleeps(tracee));
        sleepers.filter_map(|(&task, tracee)| Some((tracee.until?, task))).min()
    }

    /// Nobody could run for so long.
    pub(crate) fn time_passes(&mut self, time: Duration) {
        let first = self.first_sleeper(|_| true);
        let now = self.time + time;
        self.time = first.map_or(now, |(until, _)| now.min(until).max(self.time));
    }

    /// Another one computes, and does not stop by itself: they have stood for long enough.
    pub(crate) fn need_not_stand(&mut self) {
        for tracee in self.tasks.values_mut().filter(|tracee| tracee.has_slept()) {
            tracee.queued = Some(0);
        }
    }
}
