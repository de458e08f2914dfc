//! Runs a program under the supervisor and under the recorder at once.

use crate::enough::Enough;
use crate::fds::pipe;
use crate::meanwhile::{Deed, Meanwhile};
use crate::proc::Stat;
use crate::verdict::fault;
use crate::{Injection, Interrupted, Policy, Recorded, Run, State, skip};
use nix::unistd::{Pid, gettid};
use recorder::{Ended, Error, Options};
use std::ffi::OsString;
use std::fs::File;
use std::io::Write as _;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::mpsc;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use trace::Event;

/// How long everybody may sleep, with nothing to wake them, before that is called a hang.
const PATIENCE: Duration = Duration::from_millis(100);

/// A run that is to be recorded. [`Run::recorded`] makes one.
#[derive(Debug, Clone)]
#[must_use = "nothing runs before `record`"]
pub struct Recording {
    pub(crate) run: Run,
    pub(crate) options: Options,
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

    /// Sets how long everybody may sleep, with nothing to wake them, before that is called a hang.
    pub fn patience(mut self, patience: Duration) -> Self {
        self.options.patience = patience;
        self
    }

    /// Has each allocation be a call of its own, `mmap`, so that the recording shows who allocates. That is what glibc does when it
    /// is told that no piece of memory is too small for one; another C library takes no notice.
    pub fn show_allocations(mut self) -> Self {
        self.run = self.run.env("GLIBC_TUNABLES", "glibc.malloc.mmap_threshold=0");
        self
    }

    /// Tells on which line of its source each call is.
    #[cfg(feature = "lines")]
    pub fn lines(mut self) -> Self {
        self.options.lines = true;
        self
    }

    /// Does this to the program.
    pub fn inject(mut self, injection: Injection) -> Self {
        self.options.injections.push(injection);
        self
    }

    /// Makes the first child slow: it is held before its first of these calls while its parent sleeps for a time, and after that
    /// the parent goes on first. Who takes some time for a child's end is wrong each time.
    pub fn slow_child(self, calls: &[&str]) -> Self {
        let hold = |call: &&str| format!("P2:{call}:1=P1:clock_nanosleep:1");
        let holds = calls.iter().map(hold).filter_map(|hold| Injection::hold(&hold).ok());
        holds.fold(self.policy(Policy::ParentFirst), Self::inject)
    }

    /// Records the run to its end, to its deadline, or until nobody can go on.
    ///
    /// `None`: this machine doesn't let anybody trace, so the check is left out, and that was said.
    ///
    /// # Panics
    /// As [`Run::start`].
    #[must_use]
    pub fn record(self) -> Option<Recorded> {
        self.record_with(None)
    }

    /// The same, and where somebody is first held, or is about to make one of these calls, this is done from outside, with the program's pid and the write end of its
    /// standard input, where that comes [later](Run::stdin_later). Nobody in the recording goes on meanwhile: they find all of it at once.
    ///
    /// # Panics
    /// As [`Run::start`].
    #[must_use]
    pub fn record_meanwhile(
        self,
        calls: &'static [&'static str],
        deed: impl FnOnce(Pid, Option<File>) + Send + 'static,
    ) -> Option<Recorded> {
        self.record_with(Some((calls, Box::new(deed))))
    }

    fn record_with(
        self,
        meanwhile: Option<(&'static [&'static str], Deed<'static>)>,
    ) -> Option<Recorded> {
        let Self { run, options } = self;
        let began = Instant::now();
        let program = run.argv().first().map(|name| name.display().to_string()).unwrap_or_default();
        let cannot = |why: &str| -> ! { fault(&format!("cannot record {program}: {why}")) };
        let (over, is_over) = pipe().unwrap_or_else(|why| cannot(&why));
        let events = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&events);
        let (enough, tell) = pipe().unwrap_or_else(|why| cannot(&why));
        let (mut shown, mut tell) = (Enough::default(), File::from(tell));
        let (hand, begun) = mpsc::channel();
        let mut meanwhile = meanwhile.map(|(calls, deed)| Meanwhile::new(calls, deed, begun));
        // The test waits for the end of the recording: it can't act as somebody from outside.
        let options = Options { alone: true, ..options };
        let mut tracer = Tracer::new(
            run.argv(),
            options,
            is_over,
            Box::new(move |event| {
                if let Some(why) = shown.sees(&event) {
                    // Nobody reads it any more: it has ended meanwhile.
                    let _ = tell.write_all(why.as_bytes());
                }
                if let Some(meanwhile) = &mut meanwhile {
                    meanwhile.sees(&event);
                }
                locked(&kept).push(event);
            }),
        );
        let started = run.try_start(Some(&mut |pid, go| tracer.begin(pid, go)));
        let mut running = match started {
            Ok(running) => running,
            Err(why) => match tracer.end() {
                Some(Err(error @ Error::Trace(_))) => return refused(&error),
                _ => cannot(&why),
            },
        };
        // Who does something is the only one who writes there: dropped, it is at its end. Nobody takes it where nothing is to be done.
        let end = running.to_stdin.take();
        if let Err(mpsc::SendError((_, end))) = hand.send((running.pid(), end)) {
            running.to_stdin = end;
        }
        drop(hand);
        // Not at the end of the program, but at everybody's: what it leaves behind is evidence, too.
        running.ended = over;
        running.enough = Some(enough);
        running.recorder = Some(tracer.look());
        let interrupted = running.wait();
        // What comes now is the grader's doing.
        let length = (interrupted != Interrupted::Ended).then(|| locked(&events).len());
        let outcome = running.finish();
        let ended = match tracer.end() {
            Some(Ok(ended)) => ended,
            Some(Err(error @ Error::Trace(_))) => return refused(&error),
            Some(Err(error)) => cannot(&error.to_string()),
            None => cannot("its recorder never began"),
        };
        let mut events = std::mem::take(&mut *locked(&events));
        events.truncate(length.unwrap_or(usize::MAX));
        Some(Recorded::new(outcome, events, Some(&ended), began.elapsed()))
    }
}

fn refused(error: &Error) -> Option<Recorded> {
    let thread = thread::current();
    skip(thread.name().unwrap_or("a check of a recording"), &error.to_string());
    None
}

fn locked<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Is told each event, on the thread that traces.
pub(crate) type Keep = Box<dyn FnMut(Event) + Send>;

/// What the thread that traces begins with.
type Job = (Vec<OsString>, Options, OwnedFd, Keep);

/// The thread that traces: only it hears of its tracees, and it has no children that it could mistake for them.
pub(crate) struct Tracer {
    job: Option<Job>,
    /// The thread's id, once it has begun.
    id: Arc<AtomicI32>,
    thread: Option<JoinHandle<Result<Ended, Error>>>,
}

impl Tracer {
    /// `is_over` is closed at the end of the recording, when nobody is left.
    pub(crate) fn new(argv: Vec<OsString>, options: Options, is_over: OwnedFd, keep: Keep) -> Self {
        let job = Some((argv, options, is_over, keep));
        Self { job, id: Arc::default(), thread: None }
    }

    /// What the thread does, as `/proc` has it.
    pub(crate) fn look(&self) -> Look {
        Look(Arc::clone(&self.id))
    }

    pub(crate) fn begin(&mut self, pid: Pid, go: OwnedFd) {
        let Some((argv, options, is_over, mut keep)) = self.job.take() else { return };
        let id = Arc::clone(&self.id);
        self.thread = Some(thread::spawn(move || {
            id.store(gettid().as_raw(), Ordering::Relaxed);
            let ended = recorder::follow(pid, &argv, &go, &options, &mut keep);
            // Its end of file is the news; until here, it must not close.
            drop((go, is_over));
            ended
        }));
    }

    /// How the recording has ended; `None`: there was none.
    pub(crate) fn end(&mut self) -> Option<Result<Ended, Error>> {
        match self.thread.take()?.join() {
            Ok(ended) => Some(ended),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }
}

/// Looks at the thread that traces.
#[derive(Debug)]
pub(crate) struct Look(Arc<AtomicI32>);

impl Look {
    /// Its state, and its processor time.
    pub(crate) fn now(&self) -> Option<(State, Duration)> {
        let id = self.0.load(Ordering::Relaxed);
        let stat = Stat::read(Path::new(&format!("/proc/self/task/{id}/stat")))?;
        Some((stat.state, stat.cpu))
    }
}
