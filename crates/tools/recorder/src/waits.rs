//! What a call waits for: whether something can end the wait that nobody who is recorded does.

use std::time::Instant;

use trace::Task;
use trace::call::Argument;

use crate::look::Doing;
use crate::outside::Outside;
use crate::recording::Recording;
use crate::task::{Call, State, Tracee};

impl Call {
    /// Whether it may have waited for another task's doing: then it is told after that.
    pub(crate) fn may_wait(&self) -> bool {
        !matches!(
            self.name,
            "write"
                | "writev"
                | "close"
                | "kill"
                | "tkill"
                | "tgkill"
                | "exit"
                | "exit_group"
                | "fork"
                | "clone"
                | "dup2"
                | "dup3"
                | "close_range"
                | "sendto"
                | "sendmsg"
                | "sendmmsg"
                | "shutdown"
        )
    }

    /// Whether it has waited for time, and nothing but time: even where that went too fast to be seen.
    pub(crate) fn surely_slept(&self, result: i64) -> bool {
        let timed = self.waits_for_time();
        timed && (matches!(self.name, "nanosleep" | "clock_nanosleep") || result == 0)
    }

    /// Whether time alone ends it.
    fn waits_for_time(&self) -> bool {
        let timeout = match self.name {
            "poll" | "epoll_wait" | "epoll_pwait" => {
                let at = if self.name == "poll" { 2 } else { 3 };
                return matches!(self.arguments.get(at), Some(Argument::Number(1..)));
            }
            "futex" => return self.locks_for_a_time() && self.args[3] != 0,
            "io_getevents" | "io_pgetevents" | "mq_timedreceive" | "mq_timedsend" | "recvmmsg" => {
                return self.args[4] != 0;
            }
            "semtimedop" | "futex_waitv" => return self.args[3] != 0,
            "nanosleep" => self.arguments.first(),
            "clock_nanosleep" | "ppoll" | "rt_sigtimedwait" => self.arguments.get(2),
            "epoll_pwait2" => self.arguments.get(3),
            "select" | "pselect6" => self.arguments.get(4),
            _ => None,
        };
        matches!(timeout, Some(Argument::Time(1..)))
    }

    /// Whether a futex's operation is one whose fourth argument is a timeout: FUTEX_WAIT, LOCK_PI, WAIT_BITSET,
    /// WAIT_REQUEUE_PI or LOCK_PI2.
    fn locks_for_a_time(&self) -> bool {
        matches!(self.args[1] & 0x7f, 0 | 6 | 9 | 11 | 13)
    }

    /// The descriptors that it waits on.
    pub(crate) fn waits_on(&self) -> Vec<i32> {
        let mut numbers = Vec::new();
        for argument in &self.arguments {
            match argument {
                Argument::Descriptor(number) => numbers.push(*number),
                Argument::Polled(polled) => {
                    numbers.extend(polled.iter().map(|&(number, ..)| number))
                }
                Argument::Set(set) => numbers.extend(set),
                _ => (),
            }
        }
        numbers
    }
}

impl Recording<'_> {
    /// Whether a call that a signal has ended waited for that, though nobody has seen it: a timer may ring before anybody looks. Not one of those
    /// calls that let in signals which have waited.
    pub(crate) fn waited_for_a_timer(&self, task: Task, call: &Call) -> bool {
        let lets_in = ["rt_sigsuspend", "ppoll", "pselect6", "epoll_pwait", "epoll_pwait2"];
        let process = self.tasks.get(&task).and_then(|tracee| self.processes.get(&tracee.process));
        call.may_sleep()
            && !lets_in.contains(&call.name)
            && process.is_some_and(|process| process.timers.may_ring(Instant::now()))
    }

    /// Whether everybody sleeps, and nothing can wake them but what one of them would have to do.
    pub(crate) fn is_stuck(&self) -> bool {
        let asleep = |tracee: &Tracee| {
            matches!(tracee.state, State::Sleeps | State::Stopped | State::Ended)
                || tracee.kept.is_some()
        };
        let now = Instant::now();
        let outside = Outside::of(self);
        self.tasks.values().all(asleep)
            && !self
                .processes
                .values()
                .any(|process| !process.ended && process.timers.may_ring(now))
            && !self.tasks.values().any(|tracee| {
                let sleeps = tracee.state == State::Sleeps;
                let call = tracee.call.as_ref().filter(|_| sleeps);
                call.is_some_and(|call| call.waits_for_time() || outside.may_end(call, tracee))
            })
            && self.sleep_at_once()
    }

    /// Whether there is a moment at which all sleepers sleep. To look at them takes its time: one may have been woken, after it was looked at, by another that
    /// has gone to sleep since, and have got no processor yet. Who has gone to sleep just as often at a second look has slept in between.
    fn sleep_at_once(&self) -> bool {
        let sleepers = || {
            self.tasks.iter().filter(|(_, tracee)| {
                tracee.state == State::Sleeps && tracee.queued.is_none() && tracee.kept.is_none()
            })
        };
        let look = || -> Option<Vec<_>> {
            let sleeps = |(&task, tracee): (&Task, &Tracee)| {
                (self.doing(task) == Doing::Sleeps).then(|| tracee.look.sleeps())
            };
            sleepers().map(sleeps).collect()
        };
        let first = look();
        first.is_some() && first == look()
    }
}
