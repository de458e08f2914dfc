//! A recording from its beginning to its end, and all that is known while it lasts.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ffi::OsString;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use nix::sys::prctl;
use nix::sys::signal::{SigSet, SigmaskHow, Signal, pthread_sigmask, sigprocmask};
use nix::unistd::Pid;
use trace::Task;
use trace::event::{Event, Status, VERSION, What};

use crate::clients::Clients;
use crate::counts::Counts;
use crate::files::{self, Moment};
use crate::inject::{Deed, Injection};
use crate::killers::Killers;
use crate::lines::Lines;
use crate::names::Names;
use crate::places::Places;
use crate::processor::{Crowd, Processor};
use crate::ptrace::Stop;
use crate::room::Room;
use crate::schedule::Turns;
use crate::sleepers::Asked;
use crate::task::{Process, Sent, Tracee};
use crate::{Ended, Error, Late, Options, Policy, start};

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
    let holds = |injection: &Injection| matches!(injection.deed, Deed::Hold { .. });
    if options.policy == Policy::Free && options.injections.iter().any(holds) {
        return Err(Error::HoldsNobody);
    }
    // A stop sends SIGCHLD. Blocked, it waits, and can be waited for with a timeout.
    let news = SigSet::from(Signal::SIGCHLD);
    let mut mask = SigSet::empty();
    sigprocmask(SigmaskHow::SIG_BLOCK, Some(&news), Some(&mut mask)).map_err(Error::Trace)?;
    let slack = prctl::get_timerslack();
    let room = options.clean.then(Room::new).transpose().map_err(Error::Terminal);
    let started = room.and_then(|room| Ok((start::start(argv, &mask, room.as_ref())?, room)));
    let ended = started.and_then(|(pid, room)| {
        let output = room.map(Room::pass_on);
        // Short waits are as short as they say. The program, which inherits this, has begun already.
        _ = prctl::set_timerslack(1);
        let mut recording = Recording::new(options, sink, Places::of(&argv[0]));
        recording.begin(pid, argv);
        let ended = recording.run();
        if ended.is_err() {
            recording.kill_all();
        }
        // All are gone, so this ends too. A panic in there has been told already.
        output.map(JoinHandle::join);
        ended
    });
    _ = slack.and_then(|slack| prctl::set_timerslack(slack as u64));
    _ = sigprocmask(SigmaskHow::SIG_SETMASK, Some(&mask), None);
    ended
}

/// Records a process that somebody else has made and that waits, before its exec, for a byte from `go`.
/// `argv` is what it will be: nothing is started from it.
///
/// Nobody else's children are touched: neither those of other threads, nor `pid`'s, whose own parent
/// still waits for it. The calling thread may have no children of its own. If there is no recording, nothing
/// was written to `go`: dropping it is then the caller's way to end the process.
///
/// # Errors
/// As [`record`]. [`Options::clean`] is for programs that the recorder starts, and ignored here.
pub fn follow(
    pid: Pid,
    argv: &[OsString],
    go: &OwnedFd,
    options: &Options,
    sink: &mut dyn FnMut(Event),
) -> Result<Ended, Error> {
    let program = argv.first().ok_or(Error::Nothing)?;
    let holds = |injection: &Injection| matches!(injection.deed, Deed::Hold { .. });
    if options.policy == Policy::Free && options.injections.iter().any(holds) {
        return Err(Error::HoldsNobody);
    }
    let news = SigSet::from(Signal::SIGCHLD);
    let mut mask = SigSet::empty();
    // This thread's mask only: the others of this process may want their SIGCHLD.
    pthread_sigmask(SigmaskHow::SIG_BLOCK, Some(&news), Some(&mut mask)).map_err(Error::Trace)?;
    let slack = prctl::get_timerslack();
    let ended = start::take_over(pid, go, program).and_then(|()| {
        _ = prctl::set_timerslack(1);
        let mut recording = Recording::new(options, sink, Places::of(program));
        recording.begin(pid, argv);
        let ended = recording.run();
        if ended.is_err() {
            recording.kill_all();
        }
        ended
    });
    _ = slack.and_then(|slack| prctl::set_timerslack(slack as u64));
    _ = pthread_sigmask(SigmaskHow::SIG_SETMASK, Some(&mask), None);
    ended
}

/// A recording under way.
pub(crate) struct Recording<'a> {
    pub(crate) options: &'a Options,
    sink: &'a mut dyn FnMut(Event),
    pub(crate) step: u64,
    pub(crate) began: Instant,
    pub(crate) made: u32,
    /// The threads that are there.
    pub(crate) tasks: BTreeMap<Task, Tracee>,
    pub(crate) by_pid: HashMap<Pid, Task>,
    /// The processes, those that have ended too.
    pub(crate) processes: BTreeMap<Task, Process>,
    pub(crate) names: Names,
    /// Tasks may have other ids in pid namespaces of their own.
    pub(crate) may_be_nested: bool,
    /// One of them says which calls others may make.
    pub(crate) may_be_asked: bool,
    /// Stops of those whose making was not told yet.
    pub(crate) strangers: HashMap<Pid, Stop>,
    /// Stops that came while another one had its turn.
    pub(crate) later: Vec<(Pid, Stop)>,
    pub(crate) turns: Turns,
    /// The last stop tells of nothing that could have woken anybody.
    pub(crate) calm: bool,
    pub(crate) crowd: Crowd,
    pub(crate) processor: Option<Processor>,
    /// Counts the times at which somebody became ready.
    pub(crate) clock: u64,
    /// How long nobody could run, in all: the sleepers' time.
    pub(crate) time: Duration,
    pub(crate) asked: Asked,
    /// Signals may have come to wait that were not told.
    pub(crate) sent: Option<Sent>,
    pub(crate) killers: Killers,
    /// Descriptors of files in /proc: what is read there is another machine's business.
    pub(crate) proc_files: HashSet<(Task, i32)>,
    /// What descriptors that came from outside lead to.
    pub(crate) inherited: HashSet<String>,
    /// Sockets that have their other end inside.
    pub(crate) paired: HashSet<String>,
    pub(crate) clients: Clients,
    /// FIFOs that the program has made: device and inode.
    pub(crate) fifos: HashSet<(u64, u64)>,
    /// Something was told that changes descriptor tables, since these were told: `--check`.
    pub(crate) tables_may_differ: bool,
    pub(crate) counts: Counts,
    pub(crate) lines: Lines,
    pub(crate) status: Option<Status>,
    pub(crate) stuck: bool,
    pub(crate) late: Option<Late>,
    pub(crate) warnings: Vec<String>,
    /// The recorder has ended the program before it was over.
    pub(crate) is_over: bool,
}

impl<'a> Recording<'a> {
    fn new(options: &'a Options, sink: &'a mut dyn FnMut(Event), places: Places) -> Self {
        Recording {
            options,
            sink,
            step: 0,
            began: Instant::now(),
            made: 0,
            tasks: BTreeMap::new(),
            by_pid: HashMap::new(),
            processes: BTreeMap::new(),
            names: Names::new(places),
            may_be_nested: false,
            may_be_asked: false,
            strangers: HashMap::new(),
            later: Vec::new(),
            turns: Turns::new(options.policy, options.seed),
            calm: false,
            crowd: Crowd::new(),
            processor: None,
            clock: 0,
            time: Duration::ZERO,
            asked: Asked::default(),
            sent: None,
            killers: Killers::default(),
            proc_files: HashSet::new(),
            inherited: HashSet::new(),
            paired: HashSet::new(),
            clients: Clients::default(),
            fifos: HashSet::new(),
            tables_may_differ: false,
            counts: Counts::default(),
            lines: Lines::default(),
            status: None,
            stuck: false,
            late: None,
            warnings: Vec::new(),
            is_over: false,
        }
    }

    pub(crate) fn tell(&mut self, task: Task, what: What) {
        self.tables_may_differ |= crate::check::may_change_tables(&what);
        self.count_news(task, &what);
        self.count_handlers(task, &what);
        (self.sink)(Event { step: self.step, task, what });
        self.step += 1;
    }

    fn begin(&mut self, pid: Pid, argv: &[OsString]) {
        let name = argv.first().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let mut argv: Vec<_> =
            argv.iter().map(|arg| self.names.in_text(&arg.to_string_lossy())).collect();
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
        self.tell(task, What::Descriptors { table: Moment::default().table(pid, &self.names) });
        self.begins_a_program(task, &name);
        self.bind_first(pid);
    }
}
