//! Time as those have it who wait for each other: none passes while a machine stands still, or has its processors for others.
//!
//! A machine may do so for many seconds: one with two processors, where sixteen runs went on at once, each with a share of its own (sched(7),
//! autogroup), was seen to let some of them wait for twenty. A program can't help that, so it is not judged by it.

use std::time::{Duration, Instant};

/// More than this does not pass between two looks: whoever waits looks more often, when it has a processor.
const STEP: Duration = Duration::from_millis(100);
/// How many times there is as much again, and how long that may take in all.
const MOVES: u32 = 20;
const AT_MOST: Duration = Duration::from_secs(60);

/// A time that is waited for.
#[derive(Debug)]
pub(crate) struct Clock {
    time: Duration,
    left: Duration,
    looked: Instant,
    moved: u32,
    /// How much passes between two looks at most.
    step: Duration,
}

impl Clock {
    pub(crate) fn new(time: Duration) -> Self {
        Self { time, left: time, looked: Instant::now(), moved: 0, step: STEP }
    }

    /// What is left of the time.
    pub(crate) fn left(&mut self) -> Duration {
        let now = Instant::now();
        self.left = self.left.saturating_sub(now.duration_since(self.looked).min(self.step));
        self.looked = now;
        self.left
    }

    /// From now on, all of the time counts: what is looked at is so much that the looks themselves take long.
    pub(crate) fn counts_all(&mut self) {
        self.step = Duration::MAX;
    }

    /// How long to wait until the next look.
    pub(crate) fn pause(&mut self) -> Duration {
        self.left().min(STEP / 2)
    }

    /// The time without what was added to it.
    pub(crate) fn once(&self) -> Duration {
        self.time
    }

    /// The time so far, with what was added to it.
    pub(crate) fn time(&self) -> Duration {
        self.time * (1 + self.moved)
    }

    /// Begins anew, unless it has done so too often.
    pub(crate) fn moves_on(&mut self) -> bool {
        let may = self.moved < MOVES && self.time() + self.time <= AT_MOST;
        if may {
            self.moved += 1;
            self.left = self.time;
        }
        may
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As long ago as a machine stands still.
    fn looked_long_ago(clock: &mut Clock) {
        clock.looked -= Duration::from_secs(20);
    }

    #[test]
    fn a_machine_that_stands_still_takes_a_step_of_it() {
        let mut clock = Clock::new(Duration::from_secs(3));
        looked_long_ago(&mut clock);
        assert_eq!(clock.left(), Duration::from_secs(3) - STEP);
        for _ in 0..40 {
            looked_long_ago(&mut clock);
            clock.left();
        }
        assert_eq!(clock.left(), Duration::ZERO);
    }

    #[test]
    fn where_the_looks_take_long_all_of_it_counts() {
        let mut clock = Clock::new(Duration::from_secs(3));
        clock.counts_all();
        looked_long_ago(&mut clock);
        assert_eq!(clock.left(), Duration::ZERO);
    }

    #[test]
    fn it_moves_on_until_that_is_too_long() {
        let moves = |time| {
            let mut clock = Clock::new(time);
            while clock.moves_on() {}
            (clock.moved, clock.time())
        };
        assert_eq!(moves(Duration::from_millis(100)), (MOVES, Duration::from_millis(2100)));
        assert_eq!(moves(Duration::from_secs(3)), (19, AT_MOST));
        assert_eq!(moves(Duration::from_secs(90)), (0, Duration::from_secs(90)));
    }
}
