//! Runs a program under the supervisor and under the recorder at once.

use crate::fds::pipe;
use crate::verdict::fault;
use crate::{Injection, Interrupted, Policy, Recorded, Run, skip};
use nix::unistd::Pid;
use recorder::{Ended, Error, Options};
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use trace::Event;

/// How long everybody may sleep, with nothing to wake them, before that is called a hang.
const PATIENCE: Duration = Duration::from_millis(100);

/// A run that is to be recorded. [`Run::recorded`] makes one.
#[derive(Debug, Clone)]
#[must_use = "nothing runs before `record`"]
pub struct Recording {
    run: Run,
    options: Options,
}

impl Recording {
    pub(crate) fn new(run: Run) -> Self {
        Self { run, options: Options { lines: false, patience: PATIENCE, ..Options::default() } }
    }

    /// Sets who runs next, where several could.
    pub fn policy(mut self, policy: Policy) -> Self {
        self.options.policy = policy;
        self
    }

    /// Sets what [`Policy::Random`] chooses by.
    pub fn seed(mut self, seed: u64) -> Self {
        self.options.seed = seed;
        self
    }

    /// Tells on which line of its source each call is.
    pub fn lines(mut self) -> Self {
        self.options.lines = true;
        self
    }

    /// Does this to the program.
    pub fn inject(mut self, injection: Injection) -> Self {
        self.options.injections.push(injection);
        self
    }

    /// Records the run to its end, to its deadline, or until nobody can go on.
    ///
    /// `None`: this machine doesn't let anybody trace, so the check is left out, and that was said.
    ///
    /// # Panics
    /// As [`Run::start`].
    #[must_use]
    pub fn record(self) -> Option<Recorded> {
        let Self { run, options } = self;
        let run = run.with_pids_of_the_test();
        let began = Instant::now();
        let program = run.argv().first().map(|name| name.display().to_string()).unwrap_or_default();
        let cannot = |why: &str| -> ! { fault(&format!("cannot record {program}: {why}")) };
        let (over, is_over) = pipe().unwrap_or_else(|why| cannot(&why));
        let mut tracer = Tracer::new(run.argv(), options, is_over);
        let started = run.try_start(Some(&mut |pid, go| tracer.begin(pid, go)));
        let mut running = match started {
            Ok(running) => running,
            Err(why) => match tracer.end() {
                Some(Err(error @ Error::Trace(_))) => return refused(&error),
                _ => cannot(&why),
            },
        };
        // Not at the end of the program, but at everybody's: what it leaves behind is evidence, too.
        running.ended = over;
        let interrupted = running.wait();
        // What comes now is the grader's doing.
        let length = (interrupted != Interrupted::Ended).then(|| tracer.events().len());
        let outcome = running.finish();
        let ended = match tracer.end() {
            Some(Ok(ended)) => ended,
            Some(Err(error @ Error::Trace(_))) => return refused(&error),
            Some(Err(error)) => cannot(&error.to_string()),
            None => cannot("its recorder never began"),
        };
        let mut events = std::mem::take(&mut *tracer.events());
        events.truncate(length.unwrap_or(usize::MAX));
        Some(Recorded::new(outcome, events, Some(&ended), began.elapsed()))
    }
}

fn refused(error: &Error) -> Option<Recorded> {
    let thread = thread::current();
    skip(thread.name().unwrap_or("a check of a recording"), &error.to_string());
    None
}

/// The thread that traces: only it hears of its tracees, and it has no children that it could mistake for them.
struct Tracer {
    job: Option<(Vec<std::ffi::OsString>, Options, OwnedFd)>,
    events: Arc<Mutex<Vec<Event>>>,
    thread: Option<JoinHandle<Result<Ended, Error>>>,
}

impl Tracer {
    fn new(argv: Vec<std::ffi::OsString>, options: Options, is_over: OwnedFd) -> Self {
        Self { job: Some((argv, options, is_over)), events: Arc::default(), thread: None }
    }

    fn begin(&mut self, pid: Pid, go: OwnedFd) {
        let Some((argv, options, is_over)) = self.job.take() else { return };
        let events = Arc::clone(&self.events);
        self.thread = Some(thread::spawn(move || {
            let mut keep =
                |event| events.lock().unwrap_or_else(PoisonError::into_inner).push(event);
            let ended = recorder::follow(pid, &argv, &go, &options, &mut keep);
            // Its end of file is the news; until here, it must not close.
            drop((go, is_over));
            ended
        }));
    }

    fn events(&self) -> std::sync::MutexGuard<'_, Vec<Event>> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How the recording has ended; `None`: there was none.
    fn end(&mut self) -> Option<Result<Ended, Error>> {
        match self.thread.take()?.join() {
            Ok(ended) => Some(ended),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }
}
