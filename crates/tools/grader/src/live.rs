//! A run that is told while it goes on, piece by piece: for whoever shows it to somebody.

use crate::fds::{Stream, pipe};
use crate::tracing::Tracer;
use crate::{Interrupted, Outcome, Recording, Run, Running, Snapshot};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use recorder::Error;
use std::fmt;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use trace::Event;

/// A piece of what is seen of a run, in the order in which it is seen.
#[derive(Debug)]
pub enum Piece {
    /// The program has begun.
    Begun(Reach),
    /// It is not recorded, since this machine lets nobody trace; why.
    Untraced(String),
    /// It, or a process that it made, wrote this to standard output.
    Stdout(Vec<u8>),
    /// It, or a process that it made, wrote this to standard error.
    Stderr(Vec<u8>),
    /// The recorder saw this.
    Event(Box<Event>),
}

/// How a live run ended.
#[derive(Debug)]
pub struct Finished {
    /// What was seen of it from outside.
    pub outcome: Outcome,
    /// Nobody in it could go on, so the recorder has ended it.
    pub stuck: bool,
}

/// Reaches into a live run, until it has ended.
#[derive(Debug, Clone)]
pub struct Reach(Arc<Mutex<Option<(Pid, Pid)>>>);

impl Reach {
    fn to(running: &Running) -> Self {
        Self(Arc::new(Mutex::new(Some((running.supervisor, running.program)))))
    }

    fn pids(&self) -> MutexGuard<'_, Option<(Pid, Pid)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn end(&self) {
        *self.pids() = None;
    }

    /// The processes of the run as they are now; `None` when it has ended.
    #[must_use]
    pub fn snapshot(&self) -> Option<Snapshot> {
        self.pids().map(|(supervisor, program)| Snapshot::take(supervisor, program))
    }

    /// Sends a signal to the program itself, or to a process of the run, by the pid under which the run knows it. Whether
    /// there is such a process.
    pub fn signal(&self, to: Option<Pid>, signal: Signal) -> bool {
        // Locked until the signal is sent: while the run lasts, nobody in it is reaped unseen but by its own parent.
        let pids = self.pids();
        let Some((supervisor, program)) = *pids else { return false };
        let host = match to {
            None => Some(program),
            Some(pid) => Snapshot::take(supervisor, program).get(pid).map(|found| found.host),
        };
        host.is_some_and(|host| kill(host, signal).is_ok())
    }
}

/// Who is told of a live run, and how that one says that it is enough.
pub(crate) struct Audience {
    /// Readable, at the latest at its end of file: stop.
    pub(crate) stop: OwnedFd,
    pub(crate) reach: Reach,
    tell: Arc<dyn Fn(Piece) + Send + Sync>,
    /// How much of each stream was told.
    told: (usize, usize),
}

impl fmt::Debug for Audience {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Audience").field("told", &self.told).finish_non_exhaustive()
    }
}

impl Audience {
    pub(crate) fn hears(&mut self, stdout: &Stream, stderr: &Stream) {
        for (stream, told, piece) in [
            (stdout, &mut self.told.0, Piece::Stdout as fn(Vec<u8>) -> Piece),
            (stderr, &mut self.told.1, Piece::Stderr),
        ] {
            let new = stream.bytes.get(*told..).unwrap_or_default();
            if !new.is_empty() {
                *told = stream.bytes.len();
                (self.tell)(piece(new.to_vec()));
            }
        }
    }
}

impl Run {
    /// Runs the program to its end, to its deadline, or until `stop` can be read or has come to its end of file, and
    /// tells each piece of it at once.
    ///
    /// # Errors
    /// What the machine refused: the program never began.
    ///
    /// # Panics
    /// As [`Run::start`], when the grader can't do its part in the middle of a run.
    pub fn live(
        self,
        stop: OwnedFd,
        tell: impl Fn(Piece) + Send + Sync + 'static,
    ) -> Result<Finished, String> {
        let running = self.may_compute().try_start(None)?;
        Ok(Finished { outcome: show(running, stop, Arc::new(tell)).finish(), stuck: false })
    }
}

impl Recording {
    /// The same for a run that is recorded. Where nobody may trace, it is run all the same, and told so.
    ///
    /// # Errors
    /// As [`Run::live`].
    ///
    /// # Panics
    /// As [`Run::live`].
    pub fn live(
        self,
        stop: OwnedFd,
        tell: impl Fn(Piece) + Send + Sync + 'static,
    ) -> Result<Finished, String> {
        let Self { run, options } = self;
        let tell: Arc<dyn Fn(Piece) + Send + Sync> = Arc::new(tell);
        let (over, is_over) = pipe()?;
        let run = run.may_compute();
        let traced = run.clone();
        let told = Arc::clone(&tell);
        let keep = Box::new(move |event| told(Piece::Event(Box::new(event))));
        let mut tracer = Tracer::new(traced.argv(), options, is_over, keep);
        let mut running = match traced.try_start(Some(&mut |pid, go| tracer.begin(pid, go))) {
            Ok(running) => running,
            Err(why) => {
                let Some(Err(error @ Error::Trace(_))) = tracer.end() else { return Err(why) };
                tell(Piece::Untraced(error.to_string()));
                let running = run.try_start(None)?;
                return Ok(Finished { outcome: show(running, stop, tell).finish(), stuck: false });
            }
        };
        running.ended = over;
        let outcome = show(running, stop, tell).finish();
        let stuck = matches!(tracer.end(), Some(Ok(ended)) if ended.stuck);
        Ok(Finished { outcome, stuck })
    }
}

/// Shows a run until there is a reason to end it.
fn show(mut running: Running, stop: OwnedFd, tell: Arc<dyn Fn(Piece) + Send + Sync>) -> Running {
    let reach = Reach::to(&running);
    tell(Piece::Begun(reach.clone()));
    running.audience = Some(Audience { stop, reach, tell, told: (0, 0) });
    let _: Interrupted = running.wait();
    running
}
