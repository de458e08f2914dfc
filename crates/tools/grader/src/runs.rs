//! How far the runs of a handler have come that a program is stepped through, for who looks whether one of them spins.

use crate::clock::Clock;
use crate::proc::stat;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::SeqCst};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

/// How long all of them may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// So much processor time is none that one of them needs.
const SPINNING: Duration = Duration::from_secs(1);

#[derive(Default)]
pub(crate) struct Runs {
    /// How many there have been, with the one that is not over.
    times: AtomicU32,
    /// One is not over.
    within: AtomicBool,
    /// One was ended, since it went on and on.
    spins: AtomicBool,
}

impl Runs {
    pub(crate) fn times(&self) -> u32 {
        self.times.load(SeqCst)
    }

    /// Whether one was ended since it went on and on.
    pub(crate) fn spins(&self) -> bool {
        self.spins.load(SeqCst)
    }

    /// One of them, which this lets run to its end.
    pub(crate) fn one<T>(&self, deed: impl FnOnce() -> T) -> T {
        self.times.fetch_add(1, SeqCst);
        self.within.store(true, SeqCst);
        let done = deed();
        self.within.store(false, SeqCst);
        done
    }

    /// Ends the program when one of them spins, or all of it takes too long; unless it is done before.
    pub(crate) fn watch(&self, pid: Pid, is_done: Receiver<()>) {
        let mut clock = Clock::new(PATIENCE);
        let mut last = (0, Duration::ZERO);
        while is_done.recv_timeout(clock.pause()) == Err(RecvTimeoutError::Timeout) {
            let (times, cpu) = (self.times(), stat(pid).map_or(last.1, |stat| stat.cpu));
            if times != last.0 || !self.within.load(SeqCst) {
                last = (times, cpu);
            }
            let spins = cpu.saturating_sub(last.1) >= SPINNING;
            if spins || clock.left().is_zero() {
                self.spins.store(spins, SeqCst);
                // It can't be reaped meanwhile but by the thread that steps, so the pid is its own.
                let _ = kill(pid, Signal::SIGKILL);
                return;
            }
        }
    }
}
