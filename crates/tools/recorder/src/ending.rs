//! When the recorder ends a program that would go on: its time is over, or somebody has said so.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use trace::Task;

use crate::Late;
use crate::ptrace;
use crate::recording::Recording;
use crate::task::State;
use crate::turns::{PAUSE, wait_for_news};

/// How long whoever runs may take to stop, once that is asked of it.
const TO_STOP: Duration = Duration::from_secs(1);

impl Recording<'_> {
    /// Ends everybody if that is due. Asked often.
    pub(crate) fn end_if_due(&mut self) {
        if self.is_over {
            return;
        }
        let told = self.options.stop.is_some_and(|stop| stop.load(Ordering::Relaxed) != 0);
        let late = self.options.deadline.is_some_and(|time| self.began.elapsed() >= time);
        if late && !told {
            let (step, running) = (self.step, self.who_runs());
            self.late = Some(Late { step, running });
        }
        if late || told {
            self.is_over = true;
            self.kill_all();
        }
    }

    /// Those who sleep for nothing, and on which line they are.
    fn who_runs(&mut self) -> Vec<(Task, Option<String>)> {
        let could = |state| matches!(state, State::Ready { .. } | State::Runs);
        let running: Vec<_> = self
            .tasks
            .iter()
            .filter(|(_, tracee)| could(tracee.state))
            .map(|(&task, tracee)| (task, tracee.pid, tracee.state == State::Runs))
            .collect();
        let began = Instant::now();
        let mut lines = Vec::new();
        for (task, pid, runs) in running {
            let mut stopped = !runs || ptrace::interrupt(pid).is_err();
            while !stopped && began.elapsed() < TO_STOP {
                stopped = !matches!(ptrace::next(Some(pid), false), Ok(None));
                if !stopped {
                    wait_for_news(PAUSE);
                }
            }
            lines.push((task, self.line(task)));
        }
        lines
    }
}
