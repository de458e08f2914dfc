//! The master: binds, forks, watches, and never accepts.

use std::io;

use execve::Origin;
use fork::{reap_all, spawn_missing};
use nix::sys::signal::{SigSet, Signal, kill};
use nix::unistd::{Pid, getppid};
use pipe::ControlPipes;
use self_pipe::SignalQueue;
use signals::block;

use crate::diagnosis;
use crate::event::{Action, Beat, Event};
use crate::heartbeat::{Heartbeats, now};
use crate::listeners::Listeners;
use crate::logs::{say, speak_as_worker};
use crate::pid_file::PidFile;
use crate::roster::Roster;
use crate::site::{Loaded, Site};
use crate::worker::Inherited;

/// What is queued for the master, to be obeyed one by one.
const QUEUED: [Signal; 10] = [
    Signal::SIGQUIT,
    Signal::SIGTERM,
    Signal::SIGINT,
    Signal::SIGHUP,
    Signal::SIGUSR1,
    Signal::SIGUSR2,
    Signal::SIGWINCH,
    Signal::SIGTTIN,
    Signal::SIGTTOU,
    Signal::SIGCONT,
];

/// All that the master has.
pub(crate) struct Master {
    pub(crate) origin: Origin,
    pub(crate) site: Site,
    pub(crate) loaded: Loaded,
    pub(crate) listeners: Listeners,
    pub(crate) pid_file: Option<PidFile>,
    /// There always is one, but in a child that makes its own.
    pub(crate) signals: Option<SignalQueue>,
    pub(crate) beats: Heartbeats,
    pub(crate) pipes: ControlPipes,
    pub(crate) roster: Roster,
    /// Who gave us listeners when it started us, and may have them still.
    pub(crate) predecessor: Option<Pid>,
}

/// Catches the master's signals.
///
/// # Errors
/// Those of [`SignalQueue::new`].
pub(crate) fn catch_master_signals() -> io::Result<SignalQueue> {
    SignalQueue::new(&QUEUED, &[Signal::SIGCHLD])
}

impl Master {
    // ANCHOR: loop
    /// Serves until it is told to stop, and everybody has gone.
    ///
    /// # Errors
    /// Those of wait(2) and poll(2), which would leave it blind.
    pub(crate) fn run(mut self) -> io::Result<()> {
        loop {
            self.reap()?;
            self.obey_one_signal();
            self.murder_the_lazy();
            if self.roster.is_done() {
                break;
            }
            self.spawn_the_missing();
            self.sleep()?;
        }
        if let Some(pid_file) = self.pid_file {
            pid_file.release();
        }
        say("all workers have left, and so does the master");
        Ok(())
    }
    // ANCHOR_END: loop

    // ANCHOR: reap
    fn reap(&mut self) -> io::Result<()> {
        for who in reap_all(&mut self.roster.children)? {
            let (mut ready, mut request) = (false, String::new());
            if let Some(slot) = who.slot {
                self.pipes.remove(slot);
                (ready, request) = (self.beats.is_ready(slot), self.beats.request(slot));
            }
            self.decide(Event::Ended { who, ready, request: &request });
        }
        Ok(())
    }
    // ANCHOR_END: reap

    // ANCHOR: obey
    fn obey_one_signal(&mut self) {
        if let Some(signal) = self.signals.as_mut().and_then(SignalQueue::next_signal) {
            self.roster.has_predecessor = self.predecessor == Some(getppid());
            self.decide(Event::Signal(signal));
        }
    }

    pub(crate) fn decide(&mut self, event: Event<'_>) {
        for action in self.roster.decide(event, now()) {
            self.act(action);
        }
    }
    // ANCHOR_END: obey

    fn murder_the_lazy(&mut self) {
        let beats = self.last_beats();
        self.decide(Event::Beats(&beats));
    }

    fn last_beats(&self) -> Vec<Beat> {
        let beat =
            |(slot, _)| Beat { slot, at: self.beats.at(slot), ready: self.beats.is_ready(slot) };
        self.roster.children.iter().map(beat).collect()
    }

    fn sleep(&mut self) -> io::Result<()> {
        let beats = self.last_beats();
        let timeout = self.roster.sleep(&beats, now());
        match &mut self.signals {
            Some(signals) => signals.sleep(&[], timeout).map(drop),
            None => Ok(()),
        }
    }

    // ANCHOR: spawn
    pub(crate) fn spawn_the_missing(&mut self) {
        let wanted = self.roster.wanted(now());
        let missing = self.roster.children.missing(wanted);
        if missing.is_empty() {
            return;
        }
        if let Err(error) = self.spawn(&missing, wanted) {
            say(format_args!("cannot make a worker: {error}"));
            self.decide(Event::CannotFork);
        }
    }

    fn spawn(&mut self, missing: &[usize], wanted: usize) -> io::Result<()> {
        for &slot in missing {
            self.pipes.prepare(slot)?;
            self.beats.begin(slot);
            self.loaded.app.before_fork(slot);
        }
        // Until a child has handlers of its own, a signal for it waits outside.
        let held = block(&QUEUED.into_iter().chain([Signal::SIGCHLD]).collect::<SigSet>())?;
        let Master { roster, listeners, loaded, signals, beats, pipes, .. } = self;
        let work = |slot| {
            speak_as_worker(slot);
            let inherited = Inherited { listeners, loaded, signals, beats: *beats, pipes };
            match inherited.work(slot, &held) {
                Ok(()) => 0,
                Err(error) => {
                    say(format_args!("leaving: {error}"));
                    1
                }
            }
        };
        // SAFETY: this process has one thread, as `serve` says.
        let spawned = unsafe { spawn_missing(&mut roster.children, wanted, work) };
        self.pipes.keep_write_ends();
        spawned
    }
    // ANCHOR_END: spawn

    // ANCHOR: act
    fn act(&mut self, action: Action) {
        match action {
            Action::Say(news) => say(news),
            Action::Command(slot, signal) => {
                // A worker that can't be told is dead or stuck, and that is seen to elsewhere.
                if let Err(error) = self.pipes.send(slot, signal) {
                    say(format_args!("cannot command worker {slot}: {error}"));
                }
            }
            Action::Kill(slot, pid, signal) => {
                // It is not reaped yet, so the pid is still its own.
                if let Err(error) = kill(pid, signal) {
                    say(format_args!("cannot send {signal} to worker {slot}, pid {pid}: {error}"));
                }
            }
            Action::Murder(slot, pid, silent) => {
                let (silent, why) = (silent.as_secs_f64(), diagnosis::of(pid));
                let request = match self.beats.request(slot) {
                    none if none.is_empty() => none,
                    request => format!(" in {request}"),
                };
                say(format_args!(
                    "killing worker {slot}, pid {pid}: silent for {silent:.2} s{request}, {why}"
                ));
                self.act(Action::Kill(slot, pid, Signal::SIGKILL));
            }
            Action::TurnAway => self.listeners.turn_away(),
            Action::HangUp => {
                self.listeners.close();
                self.pipes = ControlPipes::new();
            }
            Action::ReopenLogs => self.loaded.logs.reopen_or_say(),
            Action::Reload => self.reload(),
            Action::StartSuccessor => self.start_successor(),
            Action::TakeBackPidFile => self.take_back_pid_file(),
        }
    }
    // ANCHOR_END: act
}
