//! One processor for all: to wake somebody on another one, which idles, takes longer than most calls do, and only one task runs
//! at a time anyway. So those who are recorded and the thread that records them are bound to the same one: see
//! sched_setaffinity(2).
//!
//! The program can't see it. While somebody asks where who may run, or reads a file of /proc, all may run where they might
//! without the recorder. A task for which somebody chooses that himself, or how urgent it is, is left alone from then on,
//! with those that it makes. And where others want the processor too, nobody is bound for a while.

use std::mem::take;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sched::{CpuSet, sched_getaffinity, sched_getcpu, sched_setaffinity};
use nix::time::{ClockId, clock_getcpuclockid};
use nix::unistd::Pid;
use trace::Task;

use crate::Policy;
use crate::recording::Recording;
use crate::task::Call;

/// As the id of the thread that asks.
const OURSELVES: Pid = Pid::from_raw(0);
/// If a stop takes so long of one who has another processor, others have ours.
const CROWDED: Duration = Duration::from_micros(500);
/// When all are bound, that is looked at each time that they have had the processor for so long, or not had it.
const LOOK: Duration = Duration::from_millis(2);
/// That many times it is not worth to ask again and again for a stop then; each time twice as many, up to some.
const FOR_A_WHILE: u32 = 500;
const AT_MOST: u32 = 16_000;

/// Where those who are recorded may run, and the thread that records them.
#[derive(Debug)]
pub(crate) struct Processor {
    ours: CpuSet,
    theirs: CpuSet,
    bound_to: Option<CpuSet>,
    /// Who is in a call that would tell.
    seen_by: Option<Task>,
}

impl Processor {
    /// Nobody is bound yet. `None`: the first task has one processor only, or the kernel doesn't say.
    fn of(first: Pid) -> Option<Processor> {
        let (ours, theirs) = (sched_getaffinity(OURSELVES).ok()?, sched_getaffinity(first).ok()?);
        let may = |&cpu: &usize| theirs.is_set(cpu) == Ok(true);
        let several = (0..CpuSet::count()).filter(may).count() > 1;
        (several && shares_fairly()).then_some(Processor {
            ours,
            theirs,
            bound_to: None,
            seen_by: None,
        })
    }

    /// The one on which this thread is, if they may be there too.
    fn here(&self) -> Option<CpuSet> {
        let cpu = sched_getcpu().ok().filter(|&cpu| self.theirs.is_set(cpu) == Ok(true))?;
        let mut here = CpuSet::new();
        here.set(cpu).ok().map(|()| here)
    }
}

/// Whether this thread, and so the program, gives way to others by itself. A real-time program that computes for ever would not,
/// not even to the thread that is to end it.
fn shares_fairly() -> bool {
    // SAFETY: takes a number only.
    let policy = unsafe { libc::sched_getscheduler(OURSELVES.as_raw()) };
    [libc::SCHED_OTHER, libc::SCHED_BATCH, libc::SCHED_IDLE].contains(&policy)
}

impl Drop for Processor {
    /// This thread may have other things to do.
    fn drop(&mut self) {
        if self.bound_to.is_some() {
            _ = sched_setaffinity(OURSELVES, &self.ours);
        }
    }
}

/// Whether others want the processor.
#[derive(Debug)]
pub(crate) struct Crowd {
    left: u32,
    next: u32,
    /// Since the last look: how long stops took, and how much of that somebody else had the processor.
    waited: Duration,
    lost: Duration,
}

impl Crowd {
    pub(crate) fn new() -> Crowd {
        Crowd { left: 0, next: FOR_A_WHILE, waited: Duration::ZERO, lost: Duration::ZERO }
    }
}

impl Crowd {
    fn is_there(&mut self, waiting: &Waiting) -> bool {
        if !waiting.bound {
            return waiting.elapsed() > CROWDED;
        }
        let Some(lost) = waiting.lost() else { return false };
        self.waited += waiting.elapsed();
        self.lost += lost;
        if self.waited < LOOK {
            return false;
        }
        let (waited, lost) = (take(&mut self.waited), take(&mut self.lost));
        3 * lost > waited
    }
}

/// How long it takes until somebody stops, and what was before.
pub(crate) struct Waiting {
    began: Instant,
    bound: bool,
    /// Whose turn it is, and how long that one and this thread had run.
    used: Option<(Pid, Duration)>,
}

impl Waiting {
    pub(crate) fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    /// How long the processor was neither ours nor theirs, if it can be told.
    fn lost(&self) -> Option<Duration> {
        let (process, before) = self.used?;
        Some(self.elapsed().saturating_sub(used(process)?.checked_sub(before)?))
    }
}

/// How much of the processors' time a process has had, all its threads together, and this thread.
fn used(process: Pid) -> Option<Duration> {
    let clocks = [clock_getcpuclockid(process).ok()?, ClockId::CLOCK_THREAD_CPUTIME_ID];
    clocks.into_iter().map(|clock| clock.now().ok().map(Duration::from)).sum()
}

impl Call {
    /// Whether it chooses where, or how urgently, somebody runs.
    fn chooses_processor(&self) -> bool {
        self.name.starts_with("sched_set")
    }
}

impl Recording<'_> {
    /// From now on the first task, which is stopped, is bound, and what it will make.
    pub(crate) fn bind_first(&mut self, first: Pid) {
        if self.options.policy != Policy::Free {
            self.processor = Processor::of(first);
            self.bind();
        }
    }

    fn is_bound(&self) -> bool {
        self.processor.as_ref().is_some_and(|it| it.bound_to.is_some())
    }

    fn bind(&mut self) {
        let Some(processor) = &mut self.processor else { return };
        if processor.bound_to.is_some() || processor.seen_by.is_some() {
            return;
        }
        let Some(here) = processor.here() else { return };
        processor.bound_to = Some(here);
        if sched_setaffinity(OURSELVES, &here).is_err() || !self.may_all_run_on(&here) {
            self.unbind();
            self.processor = None;
        }
    }

    fn unbind(&mut self) {
        let Some(processor) = &mut self.processor else { return };
        if processor.bound_to.take().is_some() {
            let (ours, theirs) = (processor.ours, processor.theirs);
            _ = sched_setaffinity(OURSELVES, &ours);
            self.may_all_run_on(&theirs);
        }
    }

    /// Moves all who are not left alone. Returns whether the kernel lets us.
    fn may_all_run_on(&self, set: &CpuSet) -> bool {
        let tasks = self.tasks.values().filter(|tracee| !tracee.left_alone);
        let moved = tasks.map(|tracee| sched_setaffinity(tracee.pid, set));
        // Of one that is gone, its end was not heard yet.
        moved.filter(|moved| !matches!(moved, Ok(()) | Err(Errno::ESRCH))).count() == 0
    }

    /// A task is about to enter a call that may tell of the binding, or go against it.
    pub(crate) fn shows_processors(&mut self, task: Task, call: &Call) {
        let tells = call.name == "sched_getaffinity" || self.reads_proc_file(task, call);
        let Some(processor) = &mut self.processor else { return };
        if call.chooses_processor() {
            let theirs = processor.theirs;
            let whose = Pid::from_raw(call.args[0] as i32);
            let whose = if whose == OURSELVES { task } else { self.names.task(whose) };
            if let Some(tracee) = self.tasks.get_mut(&whose)
                && !std::mem::replace(&mut tracee.left_alone, true)
            {
                _ = sched_setaffinity(tracee.pid, &theirs);
            }
        } else if tells && processor.bound_to.is_some() {
            let theirs = processor.theirs;
            processor.seen_by = Some(task);
            self.may_all_run_on(&theirs);
        }
    }

    /// A task is in no call any more.
    pub(crate) fn shows_processors_no_more(&mut self, task: Task) {
        if let Some(processor) = &mut self.processor
            && processor.seen_by.take_if(|by| *by == task).is_some()
            && let Some(here) = processor.bound_to
        {
            self.may_all_run_on(&here);
        }
    }

    /// Begins to ask again and again for a stop, of the one whose turn it is; `None`: that is not worth it now.
    pub(crate) fn begins_to_ask(&mut self, turn: Option<Task>) -> Option<Waiting> {
        if self.crowd.left > 0 {
            self.crowd.left -= 1;
            return None;
        }
        self.bind();
        let bound = self.is_bound();
        let process = turn.filter(|_| bound).and_then(|turn| {
            let process = self.tasks.get(&turn)?.process;
            Some(self.processes.get(&process)?.pid)
        });
        let used = process.and_then(|process| Some((process, used(process)?)));
        Some(Waiting { began: Instant::now(), bound, used })
    }

    /// If it has taken so long because others had the processor, leaves it to them.
    pub(crate) fn makes_way_in_a_crowd(&mut self, waiting: &Waiting) {
        if self.crowd.is_there(waiting) {
            self.crowd.left = self.crowd.next;
            self.crowd.next = AT_MOST.min(2 * self.crowd.next);
            self.unbind();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_thread_that_records_is_free_again_at_the_end() {
        let before = sched_getaffinity(OURSELVES).expect("it can be told");
        let Some(mut processor) = Processor::of(OURSELVES) else {
            return eprintln!("skipped: here is one processor only");
        };
        let here = processor.here().expect("this runs somewhere");
        sched_setaffinity(OURSELVES, &here).expect("it may");
        processor.bound_to = Some(here);
        assert_ne!(sched_getaffinity(OURSELVES), Ok(before));
        drop(processor);
        assert_eq!(sched_getaffinity(OURSELVES), Ok(before));
    }
}
