//! The loop: one task runs until it stops or sleeps; then all who were woken by that are heard; then
//! the next is chosen.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ffi::OsString;
use std::path::Path;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::signal::{SigSet, SigmaskHow, Signal, kill, sigprocmask};
use nix::unistd::Pid;
use trace::Task;
use trace::event::{Event, Status, VERSION, What};

use crate::look::Doing;
use crate::names::Names;
use crate::ptrace::{self, Stop};
use crate::schedule::{Policy, Turns};
use crate::task::{Process, State, Tracee};
use crate::{Ended, Error, Options, files, start};

/// How long to wait for a stop before looking whether the task sleeps: at first, and at most.
const PAUSE: Duration = Duration::from_micros(100);
const LONG_PAUSE: Duration = Duration::from_millis(10);
/// How long a task may compute while others could run.
const COMPUTES: Duration = Duration::from_secs(1);

/// Runs a program and hands each event to `sink`, until the program and all that it has made have
/// ended. Its input, output and terminal are its own. The first of `argv` is looked for in PATH.
///
/// The calling thread may have no other children, and must be the one that waits for them.
///
/// # Errors
/// There is no program to record, or the kernel doesn't let it be traced: see [`Error`]. In the middle
/// of a recording, only [`Error::Lost`]; whatever was started is ended then.
pub fn record(
    argv: &[OsString],
    options: &Options,
    sink: &mut dyn FnMut(Event),
) -> Result<Ended, Error> {
    // A stop sends SIGCHLD. Blocked, it waits, and can be waited for with a timeout.
    let news = SigSet::from(Signal::SIGCHLD);
    let mut mask = SigSet::empty();
    sigprocmask(SigmaskHow::SIG_BLOCK, Some(&news), Some(&mut mask)).map_err(Error::Trace)?;
    let ended = start::start(argv, &mask).and_then(|pid| {
        let mut recording = Recording::new(options, sink);
        recording.begin(pid, argv);
        let ended = recording.run();
        if ended.is_err() {
            recording.kill_all();
        }
        ended
    });
    _ = sigprocmask(SigmaskHow::SIG_SETMASK, Some(&mask), None);
    ended
}

/// A recording under way.
pub(crate) struct Recording<'a> {
    pub(crate) options: &'a Options,
    sink: &'a mut dyn FnMut(Event),
    step: u64,
    pub(crate) made: u32,
    /// The threads that are there.
    pub(crate) tasks: BTreeMap<Task, Tracee>,
    pub(crate) by_pid: HashMap<Pid, Task>,
    /// The processes, those that have ended too.
    pub(crate) processes: BTreeMap<Task, Process>,
    pub(crate) names: Names,
    /// Stops of those whose making was not told yet.
    pub(crate) strangers: HashMap<Pid, Stop>,
    /// Stops that came while another one had its turn.
    later: Vec<(Pid, Stop)>,
    pub(crate) turns: Turns,
    /// Counts the times at which somebody became ready.
    pub(crate) clock: u64,
    /// What descriptors that came from outside lead to.
    pub(crate) inherited: HashSet<String>,
    /// Sockets that have their other end inside.
    pub(crate) paired: HashSet<String>,
    pub(crate) status: Option<Status>,
    stuck: bool,
}

impl<'a> Recording<'a> {
    fn new(options: &'a Options, sink: &'a mut dyn FnMut(Event)) -> Self {
        Recording {
            options,
            sink,
            step: 0,
            made: 0,
            tasks: BTreeMap::new(),
            by_pid: HashMap::new(),
            processes: BTreeMap::new(),
            names: Names::new(),
            strangers: HashMap::new(),
            later: Vec::new(),
            turns: Turns::new(options.policy, options.seed),
            clock: 0,
            inherited: HashSet::new(),
            paired: HashSet::new(),
            status: None,
            stuck: false,
        }
    }

    pub(crate) fn tell(&mut self, task: Task, what: What) {
        (self.sink)(Event { step: self.step, task, what });
        self.step += 1;
    }

    fn begin(&mut self, pid: Pid, argv: &[OsString]) {
        let mut argv: Vec<_> = argv.iter().map(|arg| arg.to_string_lossy().into_owned()).collect();
        // Where the program lies differs from machine to machine.
        if let Some(name) = argv.first_mut()
            && let Some(file) = Path::new(name).file_name()
        {
            *name = file.to_string_lossy().into_owned();
        }
        let task = self.new_task(pid, None, None);
        let policy = self.options.policy.name().to_string();
        self.tell(task, What::Begin { version: VERSION, argv, policy, seed: self.options.seed });
        let open = files::open(pid);
        self.inherited = open.iter().filter_map(|&fd| files::leads_to(pid, fd)).collect();
        self.tell(task, What::Descriptors { table: files::table(pid) });
        self.begins_a_program(task);
    }

    /// Steps until all have ended.
    fn run(&mut self) -> Result<Ended, Error> {
        while !self.tasks.is_empty() {
            self.settle()?;
            let ready: Vec<_> = self.tasks.iter().filter_map(since).collect();
            match self.turns.choose(&ready) {
                Some(task) => self.turn(task, &ready)?,
                None => self.wait()?,
            }
        }
        self.tell(Task(1), What::End);
        let status = self.status.unwrap_or(Status::Signal(libc::SIGKILL));
        Ok(Ended { status, stuck: self.stuck })
    }

    /// Lets one task run until it stops or sleeps.
    fn turn(&mut self, task: Task, ready: &[(Task, u64)]) -> Result<(), Error> {
        let free = self.options.policy == Policy::Free;
        if !free {
            self.tell_whose_turn(task, ready);
        }
        self.let_run(task);
        let (began, mut pause) = (Instant::now(), PAUSE);
        while !free && self.runs(task) {
            if let Some((pid, stop)) = self.next()? {
                self.heard(pid, stop, Some(task));
                continue;
            }
            match self.doing(task) {
                Doing::Sleeps => self.falls_asleep(task),
                Doing::Ended => self.first_thread_ended(task),
                Doing::Something | Doing::SleepsDeeply => (),
            }
            if ready.len() > 1 && began.elapsed() > COMPUTES {
                self.turns.give_up();
                self.tasks.get(&task).map(|tracee| ptrace::interrupt(tracee.pid));
            }
            wait_for_news(pause);
            pause = LONG_PAUSE.min(pause * 2);
        }
        Ok(())
    }

    fn tell_whose_turn(&mut self, task: Task, ready: &[(Task, u64)]) {
        for &(other, _) in ready.iter().filter(|&&(other, _)| other != task) {
            if self
                .tasks
                .get_mut(&other)
                .is_some_and(|other| !std::mem::replace(&mut other.held, true))
            {
                self.tell(other, What::Held);
            }
        }
        if self.tasks.get_mut(&task).is_some_and(|task| std::mem::take(&mut task.held)) {
            self.tell(task, What::Runs);
        }
    }

    /// A task that is ready runs from now on.
    pub(crate) fn let_run(&mut self, task: Task) {
        let Some(tracee) = self.tasks.get_mut(&task) else { return };
        let State::Ready { signal, .. } = tracee.state else { return };
        tracee.state = State::Runs;
        // It may have been killed meanwhile: that is told by its next stop.
        _ = ptrace::resume(tracee.pid, signal);
    }

    fn runs(&self, task: Task) -> bool {
        let state = self.tasks.get(&task).map(|tracee| tracee.state);
        matches!(state, Some(State::Runs | State::Ends))
    }

    /// What a task does; in vfork, it sleeps as anywhere.
    fn doing(&self, task: Task) -> Doing {
        let Some(tracee) = self.tasks.get(&task) else { return Doing::Ended };
        match tracee.look.doing() {
            Doing::SleepsDeeply if tracee.is_in("vfork") => Doing::Sleeps,
            Doing::Sleeps if tracee.call.is_none() || tracee.state == State::Ends => {
                Doing::Something
            }
            doing => doing,
        }
    }

    fn falls_asleep(&mut self, task: Task) {
        self.tell_sleep(task);
        self.set_state(task, State::Sleeps);
    }

    /// The next stop, if there is one.
    fn next(&self) -> Result<Option<(Pid, Stop)>, Error> {
        ptrace::next(None, false).map_err(Error::Lost)
    }

    /// Hears of a stop: what the task does whose turn it is counts at once, others when it is over.
    fn heard(&mut self, pid: Pid, stop: Stop, turn: Option<Task>) {
        let Some(task) = self.owner(pid, stop) else {
            self.strangers.insert(pid, stop);
            return;
        };
        // exec waits until the other threads have ended.
        let makes_way = stop == Stop::Exit
            || matches!(stop, Stop::Gone(_)) && turn.is_some_and(|turn| self.is_in_exec(turn));
        if Some(task) == turn || makes_way {
            self.stopped(task, stop);
        } else {
            self.later.push((pid, stop));
        }
    }

    fn is_in_exec(&self, task: Task) -> bool {
        self.tasks.get(&task).is_some_and(|task| task.is_in("execve") || task.is_in("execveat"))
    }

    /// Hears all who were woken, until nobody moves any more but those who have their turn.
    fn settle(&mut self) -> Result<(), Error> {
        let mut pause = PAUSE;
        loop {
            while !self.tasks.is_empty()
                && let Some((pid, stop)) = self.next()?
            {
                self.heard(pid, stop, None);
            }
            let moving: Vec<_> =
                self.tasks.keys().copied().filter(|&task| self.moves(task)).collect();
            if !moving.is_empty() {
                let (ended, moving): (Vec<_>, Vec<_>) =
                    moving.into_iter().partition(|&task| self.doing(task) == Doing::Ended);
                for task in ended {
                    self.first_thread_ended(task);
                }
                if !moving.is_empty() {
                    wait_for_news(pause);
                    pause = LONG_PAUSE.min(pause * 2);
                }
                continue;
            }
            if self.later.is_empty() {
                return Ok(());
            }
            self.hear_later();
        }
    }

    /// Whether a task will stop, or sleep again, or be gone, without anybody's doing.
    fn moves(&self, task: Task) -> bool {
        let free = self.options.policy == Policy::Free;
        let Some(tracee) = self.tasks.get(&task) else { return false };
        if self.later.iter().any(|&(pid, stop)| self.owner(pid, stop) == Some(task)) {
            return false;
        }
        match tracee.state {
            State::Sleeps | State::Ends => self.doing(task) != Doing::Sleeps,
            State::Runs if free && tracee.call.is_some() => {
                !matches!(self.doing(task), Doing::Sleeps | Doing::SleepsDeeply)
            }
            _ => false,
        }
    }

    /// The stops that came together, causes first.
    fn hear_later(&mut self) {
        let mut later: Vec<_> = std::mem::take(&mut self.later)
            .into_iter()
            .filter_map(|(pid, stop)| Some((self.owner(pid, stop)?, stop)))
            .collect();
        later.sort_by_key(|&(task, stop)| (self.rank(task, stop), task));
        for (task, stop) in later {
            self.stopped(task, stop);
        }
    }

    fn rank(&self, task: Task, stop: Stop) -> u8 {
        let waited = self.tasks.get(&task).and_then(|tracee| tracee.call.as_ref());
        match stop {
            Stop::Call if waited.is_some_and(|call| call.slept || call.may_wait()) => 3,
            Stop::Gone(_) => 1,
            Stop::Signal(_) | Stop::Group(_) | Stop::Trap => 2,
            _ => 0,
        }
    }

    /// Nobody can be let run: waits until somebody stops, or it is clear that nobody will.
    fn wait(&mut self) -> Result<(), Error> {
        let (began, mut pause) = (Instant::now(), PAUSE);
        loop {
            if let Some((pid, stop)) = self.next()? {
                self.heard(pid, stop, None);
                return Ok(());
            }
            let running: Vec<_> = self
                .tasks
                .iter()
                .filter(|(_, t)| t.state == State::Runs)
                .map(|(&t, _)| t)
                .collect();
            for &task in &running {
                if self.doing(task) == Doing::Sleeps {
                    self.falls_asleep(task);
                }
            }
            if running.is_empty()
                && !self.stuck
                && began.elapsed() > self.options.patience
                && self.is_stuck()
            {
                self.stuck = true;
                let first = self.tasks.keys().next().copied().unwrap_or(Task(1));
                self.tell(first, What::Stuck);
                self.kill_all();
            }
            wait_for_news(pause);
            pause = LONG_PAUSE.min(pause * 2);
        }
    }

    fn kill_all(&self) {
        for tracee in self.tasks.values() {
            if let Some(process) = self.processes.get(&tracee.process) {
                _ = kill(process.pid, Signal::SIGKILL);
            }
        }
    }
}

fn since((&task, tracee): (&Task, &Tracee)) -> Option<(Task, u64)> {
    match tracee.state {
        State::Ready { since, .. } => Some((task, since)),
        _ => None,
    }
}

/// Waits for SIGCHLD, which each stop sends, but no longer than this: where other threads take the
/// signal, looking again must do.
fn wait_for_news(at_most: Duration) {
    let set = SigSet::from(Signal::SIGCHLD);
    let timeout = libc::timespec { tv_sec: 0, tv_nsec: i64::from(at_most.subsec_nanos()) };
    // SAFETY: both point to variables of ours, and nobody wants to know who has sent the signal.
    let waited = unsafe { libc::sigtimedwait(set.as_ref(), std::ptr::null_mut(), &timeout) };
    _ = Errno::result(waited);
}
