//! Watching a program while it runs.

use crate::clock::Clock;
use crate::copies::copies_are_closed;
use crate::fds::{Stream, readable, wait_for};
use crate::leash::{Leash, Lost};
use crate::live::Audience;
use crate::memory::Watch;
use crate::refused::Around;
use crate::scratch::Scratch;
use crate::tracing::Look;
use crate::verdict::fault;
use crate::{Exit, Outcome, Snapshot, State};
use nix::poll::{PollFd, PollFlags};
use nix::unistd::Pid;
use std::fs::File;
use std::os::fd::{AsFd as _, OwnedFd};
use std::time::{Duration, Instant};

/// How long to wait before a condition is looked at again.
pub(crate) const LOOK_AGAIN: Duration = Duration::from_millis(1);

/// Why a wait of [`Running`] ended without what it waited for. [`Running::finish`] says the rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interrupted {
    /// The program has ended.
    Ended,
    /// The run's deadline has come.
    Deadline,
    /// The program has written more than it may.
    TooMuchOutput,
    /// The program and its children have more memory in use than they may.
    TooMuchMemory,
    /// Whoever watches a live run has had enough of it.
    Stopped,
}

/// A program that runs. Dropping it ends the program and everything that it started.
#[derive(Debug)]
pub struct Running {
    pub(crate) supervisor: Pid,
    pub(crate) program: Pid,
    /// A pidfd: readable when the program has ended.
    pub(crate) ended: OwnedFd,
    pub(crate) has_ended: bool,
    /// Whether the run goes on behind the program's end while others live.
    pub(crate) to_the_last: bool,
    pub(crate) leash: Leash,
    // After the leash: the folder goes when nobody is there any more to use it.
    pub(crate) _scratch: Scratch,
    /// Whether the run has pids of its own.
    pub(crate) own_pids: bool,
    pub(crate) watch: Watch,
    /// The write end of standard input, until [`Running::tell`].
    pub(crate) to_stdin: Option<File>,
    pub(crate) stdout: Stream,
    pub(crate) stderr: Stream,
    /// How many bytes of standard output have been handed out as lines.
    pub(crate) lines_read: usize,
    pub(crate) began: Instant,
    /// What is left until its deadline.
    pub(crate) clock: Clock,
    /// Whether it may use the processor until its deadline.
    pub(crate) may_compute: bool,
    /// By which the recorder says that it has seen enough.
    pub(crate) enough: Option<OwnedFd>,
    /// The thread that records it.
    pub(crate) recorder: Option<Look>,
    /// Why it was ended before its deadline, and when.
    pub(crate) early: Option<(String, Duration)>,
    pub(crate) output_limit: usize,
    /// Who is told of a live run.
    pub(crate) audience: Option<Audience>,
}

impl Running {
    /// The program's pid as this process knows it: for signals to it, `/proc` and ptrace(2). The program itself may know
    /// another one, [`Snapshot::program`].
    #[must_use]
    pub fn pid(&self) -> Pid {
        self.program
    }

    /// Closes the reading end of the program's standard output, as a reader does that has seen enough: who writes there from now on
    /// is told that the pipe is broken. What was read until here stays.
    ///
    /// # Panics
    /// When standard output is a file.
    pub fn stop_listening(&mut self) {
        if let Err(why) = self.stdout.close() {
            fault(&format!("cannot close the program's standard output: {why}"));
        }
        copies_are_closed();
    }

    /// Waits for the next line on standard output, and returns it without its end.
    ///
    /// # Errors
    /// [`Interrupted`] when there will be none.
    pub fn line(&mut self) -> Result<String, Interrupted> {
        loop {
            // Asked before reading: what the program wrote before its end is in the pipe by then.
            let stopped = self.stopped();
            self.read_output();
            let unread = self.stdout.bytes.get(self.lines_read..).unwrap_or_default();
            if let Some(length) = unread.iter().position(|byte| *byte == b'\n') {
                let line = String::from_utf8_lossy(&unread[..length]).into_owned();
                self.lines_read += length + 1;
                return Ok(line);
            }
            if let Some(interrupted) = stopped {
                return Err(interrupted);
            }
            let pause = self.clock.pause();
            self.wait_for_news(pause);
        }
    }

    /// Waits for the next line on standard output that begins so, and returns what follows: whoever is graded may say more.
    ///
    /// # Errors
    /// [`Interrupted`] when there will be none.
    pub fn line_after(&mut self, beginning: &str) -> Result<String, Interrupted> {
        loop {
            if let Some(rest) = self.line()?.strip_prefix(beginning) {
                return Ok(rest.into());
            }
        }
    }

    /// Looks at the processes of the run, again and again, until `condition` returns something.
    ///
    /// # Errors
    /// [`Interrupted`] when it did not until the program's end or deadline.
    pub fn until<T>(
        &mut self,
        mut condition: impl FnMut(&Snapshot) -> Option<T>,
    ) -> Result<T, Interrupted> {
        loop {
            let stopped = self.stopped();
            if let Some(found) = condition(&self.snapshot()) {
                return Ok(found);
            }
            if let Some(interrupted) = stopped {
                return Err(interrupted);
            }
            self.wait_for_news(LOOK_AGAIN);
        }
    }

    /// The processes of the run as they are now.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        // What the test has closed, nobody sleeps for.
        copies_are_closed();
        Snapshot::take(self.supervisor, self.program)
    }

    /// Waits for the program's end or deadline, looks at what is left, and then ends all of it.
    ///
    /// # Panics
    /// When the supervisor cannot end a process.
    #[must_use]
    pub fn finish(mut self) -> Outcome {
        let interrupted = self.wait();
        // Before anybody is reaped or killed: this is the evidence.
        let snapshot = Snapshot::complete(self.supervisor, self.program);
        let interrupted = self.as_shown(interrupted, &snapshot);
        let mut limits = self.watch.limits(self.supervisor);
        let deadline = match self.early.take() {
            Some((why, after)) if interrupted != Interrupted::Ended => {
                limits.push(why);
                after
            }
            _ => self.clock.time(),
        };
        // From here on, its pids may become somebody else's.
        if let Some(audience) = &self.audience {
            audience.reach.end();
        }
        let status = self.leash.let_go();
        // Every process that could write is gone, so this comes to an end.
        self.read_output();
        let exit = match (interrupted, status) {
            (_, Err(Lost::Supervisor)) => Exit::SupervisorGone,
            (_, Err(Lost::Answer)) => {
                fault("the process that watches over the run does not answer")
            }
            (_, Err(Lost::Processes)) => fault("a process of the run cannot be killed"),
            (Interrupted::Deadline, _) => Exit::Deadline,
            (Interrupted::TooMuchOutput, _) => Exit::TooMuchOutput,
            (Interrupted::TooMuchMemory, _) => Exit::TooMuchMemory,
            (Interrupted::Stopped, _) => Exit::Stopped,
            (Interrupted::Ended, Ok(status)) if libc::WIFSIGNALED(status) => {
                Exit::Signal(libc::WTERMSIG(status))
            }
            (Interrupted::Ended, Ok(status)) => Exit::Code(libc::WEXITSTATUS(status)),
        };
        let left_behind = if interrupted == Interrupted::Ended {
            snapshot.others().cloned().collect()
        } else {
            Vec::new()
        };
        let supervisor = if self.own_pids { Pid::from_raw(1) } else { self.supervisor };
        let around = Around { supervisor, test: nix::unistd::getpid() };
        let program = snapshot.program();
        Outcome {
            exit,
            stdout: std::mem::take(&mut self.stdout.bytes),
            stderr: std::mem::take(&mut self.stderr.bytes),
            left_behind,
            reaped_a_child: program.is_some_and(|p| p.reaped_a_child),
            cpu: program.map(|p| p.cpu).unwrap_or_default(),
            deadline,
            limits,
            refused: around.tell(&self.leash.refused),
            snapshot,
        }
    }

    /// Waits until there is a reason not to wait any longer.
    pub(crate) fn wait(&mut self) -> Interrupted {
        loop {
            if let Some(interrupted) = self.stopped() {
                return interrupted;
            }
            let pause = self.clock.pause();
            self.wait_for_news(pause);
        }
    }

    /// Whether there is a reason not to wait any longer.
    pub(crate) fn stopped(&mut self) -> Option<Interrupted> {
        self.has_ended = self.has_ended || readable(&self.ended);
        if self.watch.is_a_crowd() || self.watch.comes_and_goes() {
            self.clock.counts_all();
        }
        // First: who wrote too much may have been ended by the limit on file sizes meanwhile.
        if self.stdout.size() > self.output_limit || self.stderr.size() > self.output_limit {
            Some(Interrupted::TooMuchOutput)
        } else if self.has_ended && !self.goes_on() {
            Some(Interrupted::Ended)
        } else if self.watch.too_much(self.supervisor) {
            Some(Interrupted::TooMuchMemory)
        } else if self.audience.as_ref().is_some_and(|audience| readable(&audience.stop)) {
            Some(Interrupted::Stopped)
        } else if self.is_hopeless() || self.clock.left().is_zero() && !self.moves_on() {
            Some(Interrupted::Deadline)
        } else {
            None
        }
    }

    /// Why the wait has ended, as it is told beside this evidence: who has ended between the two did not hang.
    fn as_shown(&self, interrupted: Interrupted, shown: &Snapshot) -> Interrupted {
        let has_ended = shown.program().is_some_and(|it| it.state == State::Zombie)
            && readable(&self.ended)
            && !self.goes_on();
        if interrupted == Interrupted::Deadline && has_ended {
            Interrupted::Ended
        } else {
            interrupted
        }
    }

    /// Whether somebody lives on behind the program's end, and may.
    fn goes_on(&self) -> bool {
        self.to_the_last && self.snapshot().processes.iter().any(|it| it.state != State::Zombie)
    }

    /// Sleeps until there is output, or the program has ended, or the time is up; then takes the output.
    pub(crate) fn wait_for_news(&mut self, at_most: Duration) {
        // A file has no news: its size is looked at now and then.
        let at_most = if self.stdout.is_file { at_most.min(20 * LOOK_AGAIN) } else { at_most };
        let at_most = at_most.min(self.watch.pause());
        // Nobody tells of the end of who is left behind.
        let at_most = if self.has_ended { at_most.min(20 * LOOK_AGAIN) } else { at_most };
        let open = [&self.stdout, &self.stderr]
            .into_iter()
            .filter(|s| !s.is_file && !s.at_end)
            .map(|s| &s.source);
        let mut wanted: Vec<_> = open
            .chain((!self.has_ended).then_some(&self.ended))
            .chain(self.audience.as_ref().map(|audience| &audience.stop))
            .chain(&self.enough)
            .map(|fd| PollFd::new(fd.as_fd(), PollFlags::POLLIN))
            .collect();
        wait_for(&mut wanted, at_most);
        self.read_output();
    }

    pub(crate) fn read_output(&mut self) {
        // One byte more than the limit shows that it was passed.
        self.stdout.read(self.output_limit + 1);
        self.stderr.read(self.output_limit + 1);
        if let Some(audience) = &mut self.audience {
            audience.hears(&self.stdout, &self.stderr);
        }
    }
}
