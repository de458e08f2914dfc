//! The timers of a process: whether a signal may still come from one.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use nix::unistd::Pid;

use crate::memory;
use crate::task::Call;

/// The kernel is never early, and on a busy machine it is late.
const LATE: Duration = Duration::from_millis(500);

/// Which timer: that of `alarm` and `setitimer`, or one of `timer_create`.
type Which = Option<u64>;

/// When it rings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rings {
    /// At that time, and then no more.
    Once(Instant),
    /// Nobody here knows when, or again and again.
    Sometime,
}

/// The timers of a process that were set and not stopped.
#[derive(Debug, Default)]
pub(crate) struct Timers(BTreeMap<Which, Rings>);

impl Timers {
    /// Follows a call that has succeeded.
    pub(crate) fn follow(&mut self, pid: Pid, call: &Call) {
        let now = Instant::now();
        match call.name {
            "alarm" => self.set(None, now, Some((Duration::from_secs(call.args[0]), false))),
            // The others count the processor's time, which doesn't pass for who sleeps.
            "setitimer" if call.args[0] == libc::ITIMER_REAL as u64 => {
                self.set(None, now, setting(pid, call.args[1], Duration::from_micros));
            }
            "timer_settime" => {
                let at_a_time = call.args[1] & libc::TIMER_ABSTIME as u64 != 0;
                let set = setting(pid, call.args[2], Duration::from_nanos);
                self.set(Some(call.args[0]), now, set.filter(|_| !at_a_time));
            }
            "timer_delete" => _ = self.0.remove(&Some(call.args[0])),
            _ => (),
        }
    }

    /// A timer was set to ring after some time, and again and again or not; `None`: nobody knows.
    fn set(&mut self, which: Which, now: Instant, after: Option<(Duration, bool)>) {
        if after.is_some_and(|(after, _)| after.is_zero()) {
            self.0.remove(&which);
            return;
        }
        let rings = match after {
            Some((after, false)) => now.checked_add(after).map_or(Rings::Sometime, Rings::Once),
            Some((_, true)) | None => Rings::Sometime,
        };
        self.0.insert(which, rings);
    }

    /// Whether one may ring after this time.
    pub(crate) fn may_ring(&self, now: Instant) -> bool {
        self.0.values().any(|rings| match rings {
            Rings::Once(at) => now < *at + LATE,
            Rings::Sometime => true,
        })
    }
}

/// A struct itimerval or itimerspec: after what time, and whether again.
fn setting(pid: Pid, address: u64, unit: fn(u64) -> Duration) -> Option<(Duration, bool)> {
    let time = |offset| {
        let seconds = Duration::from_secs(memory::long(pid, address + offset)?);
        Some(seconds.saturating_add(unit(memory::long(pid, address + offset + 8)?)))
    };
    if address == 0 {
        return Some((Duration::ZERO, false));
    }
    Some((time(16)?, time(0)? > Duration::ZERO))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timer_rings_until_its_time_or_until_it_is_stopped() {
        let (now, second) = (Instant::now(), Duration::from_secs(1));
        let mut timers = Timers::default();
        assert!(!timers.may_ring(now));
        timers.set(None, now, Some((second, false)));
        assert!(timers.may_ring(now + second) && !timers.may_ring(now + 2 * second));
        timers.set(Some(3), now, Some((second, true)));
        assert!(timers.may_ring(now + 9 * second));
        timers.set(Some(3), now, Some((Duration::ZERO, true)));
        assert!(!timers.may_ring(now + 2 * second));
        timers.set(None, now, None);
        assert!(timers.may_ring(now + 9 * second));
    }
}
