//! What the master decides. Nothing here makes a system call: what has happened and what time it is
//! come in, what is to be done goes out, and so all of it is tested without a process.

use std::collections::BTreeSet;
use std::time::Duration;

use fork::{Children, Reaped};
use nix::sys::signal::Signal::{
    self, SIGCONT, SIGHUP, SIGINT, SIGKILL, SIGQUIT, SIGTERM, SIGTTIN, SIGTTOU, SIGUSR1, SIGUSR2,
    SIGWINCH,
};
use nix::unistd::Pid;

use crate::event::{Action, Beat, Event};
use crate::heartbeat::MOST_WORKERS;

/// How long a quick stop waits before it takes what no process can refuse.
const QUICK: Duration = Duration::from_secs(1);
/// The pause after a worker that never became ready. It doubles each time, up to the second.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// A master that wakes so much later than it wanted to was stopped, and its workers maybe with it:
/// not by a signal, for then there is a SIGCONT, but with the machine that it runs on.
const OVERSLEPT: Duration = Duration::from_millis(500);

/// Who is there, who was asked to leave, and how many there should be.
#[derive(Debug, Default)]
pub(crate) struct Roster {
    /// The workers, those included that were asked to leave.
    pub(crate) children: Children,
    wanted: usize,
    timeout: Duration,
    /// Somebody sits at a terminal: SIGWINCH says that its window has changed, and no more.
    at_terminal: bool,
    leaving: BTreeSet<Pid>,
    killed: BTreeSet<Pid>,
    successor: Option<Pid>,
    /// Whoever gave us the listeners lives, and may go on with them.
    pub(crate) has_predecessor: bool,
    /// While stopping: when patience ends.
    stop_by: Option<Duration>,
    /// No fork before that, and how often in a row no worker became ready.
    spawn_from: Duration,
    failures: u32,
    /// When the master meant to be awake again, and since when silence counts.
    due: Option<Duration>,
    awake_since: Duration,
}

impl Roster {
    /// Nobody is there yet.
    pub(crate) fn new(wanted: usize, timeout: Duration, at_terminal: bool) -> Roster {
        Roster { wanted, timeout, at_terminal, ..Roster::default() }
    }

    /// Takes note of what has happened, and says what is to be done.
    pub(crate) fn decide(&mut self, event: Event<'_>, now: Duration) -> Vec<Action> {
        match event {
            Event::Signal(signal) if self.stop_by.is_some() => self.while_stopping(signal, now),
            Event::Signal(signal) => self.signal(signal, now),
            Event::Reloaded { workers, timeout } => {
                (self.wanted, self.timeout) = (workers, timeout);
                self.failures = 0;
                self.spawn_from = now;
                self.dismiss_from(0)
            }
            Event::Ended { who, ready, request } => self.ended(who, ready, request, now),
            Event::SuccessorRuns(pid) => {
                self.successor = Some(pid);
                vec![Action::Say(format!("a new master runs as pid {pid}"))]
            }
            Event::CannotFork => {
                self.pause(now);
                Vec::new()
            }
            Event::Beats(beats) => self.beats(beats, now),
        }
    }

    // ANCHOR: signal
    fn signal(&mut self, signal: Signal, now: Duration) -> Vec<Action> {
        match signal {
            SIGQUIT => {
                self.stop_by = Some(now + self.timeout);
                let mut actions = vec![Action::Say("leaving, gracefully".into())];
                if self.successor.is_some() || self.has_predecessor {
                    actions.extend(self.dismiss_from(0)); // the other one's workers serve who waits
                } else {
                    actions.push(Action::TurnAway);
                }
                actions.push(Action::HangUp);
                actions
            }
            SIGTERM | SIGINT => {
                self.stop_by = Some(now + QUICK);
                let mut actions = vec![Action::Say("leaving, at once".into()), Action::HangUp];
                actions.extend(self.kill_all(SIGTERM));
                actions
            }
            SIGHUP => vec![Action::Reload],
            SIGUSR1 => {
                let tell = |(slot, _)| Action::Command(slot, SIGUSR1);
                [Action::ReopenLogs].into_iter().chain(self.children.iter().map(tell)).collect()
            }
            SIGUSR2 => match self.successor {
                None => vec![Action::StartSuccessor],
                Some(pid) => vec![Action::Say(format!(
                    "SIGUSR2 ignored: the new master, pid {pid}, runs already"
                ))],
            },
            SIGWINCH if self.at_terminal => {
                vec![Action::Say("SIGWINCH ignored: it comes from a terminal".into())]
            }
            SIGWINCH => {
                self.wanted = 0;
                self.dismiss_from(0)
            }
            SIGCONT => self.was_stopped(now),
            SIGTTIN => {
                self.wanted = (self.wanted + 1).min(MOST_WORKERS);
                Vec::new() // the missing are spawned anyway
            }
            SIGTTOU => {
                self.wanted = self.wanted.saturating_sub(1);
                self.dismiss_from(self.wanted)
            }
            _ => Vec::new(),
        }
    }
    // ANCHOR_END: signal

    fn while_stopping(&mut self, signal: Signal, now: Duration) -> Vec<Action> {
        match signal {
            SIGTERM | SIGINT => {
                self.stop_by = self.stop_by.min(Some(now + QUICK));
                self.kill_all(SIGTERM)
            }
            SIGUSR1 => vec![Action::ReopenLogs],
            SIGCONT => self.was_stopped(now),
            _ => Vec::new(),
        }
    }

    /// Silence counts from now: the workers may have been stopped too, and need time to beat again.
    fn was_stopped(&mut self, now: Duration) -> Vec<Action> {
        self.awake_since = now;
        Vec::new()
    }

    // ANCHOR: dismiss
    /// Asks each worker from that number on to leave, highest first, unless it was asked before.
    fn dismiss_from(&mut self, lowest: usize) -> Vec<Action> {
        let staying = self.children.iter().rev().filter(|&(slot, _)| slot >= lowest);
        let asked = staying.filter(|&(_, pid)| self.leaving.insert(pid));
        asked.map(|(slot, _)| Action::Command(slot, SIGQUIT)).collect()
    }
    // ANCHOR_END: dismiss

    fn kill_all(&self, signal: Signal) -> Vec<Action> {
        self.children.iter().map(|(slot, pid)| Action::Kill(slot, pid, signal)).collect()
    }

    // ANCHOR: ended
    fn ended(&mut self, who: Reaped, ready: bool, request: &str, now: Duration) -> Vec<Action> {
        let Reaped { pid, slot, exit } = who;
        if self.successor == Some(pid) {
            self.successor = None;
            let news = format!("the new master, pid {pid}, has ended ({exit}): this one serves on");
            return vec![Action::TakeBackPidFile, Action::Say(news)];
        }
        let Some(slot) = slot else { return Vec::new() }; // an orphan that was given to us
        let expected = self.leaving.remove(&pid) | self.killed.remove(&pid);
        let mut news = format!("reaped worker {slot}, pid {pid}: {exit}");
        if !request.is_empty() {
            news = format!("{news}, in {request}");
        }
        if ready || expected || self.stop_by.is_some() {
            return vec![Action::Say(news)];
        }
        self.pause(now);
        let pause = self.spawn_from.saturating_sub(now).as_secs_f64();
        vec![Action::Say(format!("{news}, before it was ready; the next try is in {pause:.1} s"))]
    }

    /// The longer a pause, the more often in a row it went wrong. Those who fail together count once.
    fn pause(&mut self, now: Duration) {
        if self.spawn_from <= now {
            let pause = FIRST_PAUSE * 2u32.pow(self.failures.min(10));
            self.spawn_from = now + pause.min(LONGEST_PAUSE);
            self.failures += 1;
        }
    }
    // ANCHOR_END: ended

    // ANCHOR: beats
    fn beats(&mut self, beats: &[Beat], now: Duration) -> Vec<Action> {
        if self.due.take().is_some_and(|due| now > due + OVERSLEPT) {
            self.was_stopped(now);
        }
        if beats.len() >= self.wanted && beats.iter().all(|beat| beat.ready) {
            self.failures = 0;
        }
        let patience_ends = self.stop_by.is_some_and(|end| end <= now);
        let mut actions = Vec::new();
        for beat in beats {
            let holder = self.children.iter().find(|&(slot, _)| slot == beat.slot);
            let Some((slot, pid)) = holder else { continue };
            let silent = now.saturating_sub(beat.at.max(self.awake_since));
            if patience_ends && self.killed.insert(pid) {
                actions.push(Action::Kill(slot, pid, SIGKILL));
            } else if silent >= self.timeout && self.killed.insert(pid) {
                actions.push(Action::Murder(slot, pid, silent));
            }
        }
        actions
    }
    // ANCHOR_END: beats

    /// How many workers there should be now: those that are missing below this are to be spawned.
    pub(crate) fn wanted(&self, now: Duration) -> usize {
        if self.stop_by.is_some() || now < self.spawn_from { 0 } else { self.wanted }
    }

    /// Whether the master may leave: it stops, and nobody is left.
    pub(crate) fn is_done(&self) -> bool {
        self.stop_by.is_some() && self.children.is_empty()
    }

    /// How long there is nothing to do unless something happens; `None`: for ever.
    pub(crate) fn sleep(&mut self, beats: &[Beat], now: Duration) -> Option<Duration> {
        let alive = beats.iter().filter(|beat| {
            self.children.iter().any(|(slot, pid)| slot == beat.slot && !self.killed.contains(&pid))
        });
        let silence = alive.map(|beat| beat.at.max(self.awake_since) + self.timeout).min();
        let lacking = self.stop_by.is_none() && !self.children.missing(self.wanted).is_empty();
        let stop_by = self.stop_by.filter(|&end| end > now); // after that, SIGKILL is on its way
        let spawn = lacking.then_some(self.spawn_from);
        self.due = [silence, stop_by, spawn].into_iter().flatten().min();
        self.due.map(|due| due.saturating_sub(now))
    }
}

#[cfg(test)]
mod tests;
