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
        let (mut lines, mut stops) = (Vec::new(), Vec::new());
        for (task, pid, runs) in running {
            let mut stop = Ok(None);
            if runs && ptrace::interrupt(pid).is_ok() {
                stop = ptrace::next(Some(pid), false);
                while stop == Ok(None) && began.elapsed() < TO_STOP {
                    wait_for_news(PAUSE);
                    stop = ptrace::next(Some(pid), false);
                }
            }
            lines.push((task, self.line(task)));
            stops.extend(stop.ok().flatten());
        }
        // They were about to be heard of, and one may be an end.
        for (pid, stop) in stops {
            self.heard(pid, stop, None);
        }
        lines
    }
}
