//! Runs a program under a supervisor.

use crate::clock::Clock;
use crate::fds::{Stream, input, never_blocks, pidfd_open, pipe};
use crate::layers::Layers;
use crate::memory::Watch;
use crate::ready::Traced;
use crate::verdict::fault;
use crate::{Containment, Outcome, Recording, Running};
use nix::sys::signal::Signal;
use nix::unistd::fchown;
use std::ffi::OsString;
use std::fs::File;
use std::os::fd::AsRawFd as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// How long a program may run, unless its test says otherwise. Compiling is over by then.
const DEADLINE: Duration = Duration::from_secs(3);
/// The same for one that is recorded. Most of its time is the recorder's, which may have to wait for a processor; and
/// who hangs is found out without a deadline.
const RECORDED: Duration = Duration::from_secs(10);
/// How many bytes of each output stream are kept; a program that writes more is ended.
const OUTPUT_LIMIT: usize = 1 << 20;
/// How many processes and threads a program may add to those that its user has already.
pub(crate) const MORE_PROCESSES: u64 = 128;
/// How much memory all processes of a run may use together, in bytes.
const MEMORY: u64 = 1 << 30;
/// How many descriptors a process may have.
const DESCRIPTORS: u64 = 1024;

/// A program to run, with its arguments, its input and its limits.
#[derive(Debug, Clone)]
#[must_use = "nothing runs before `start` or `finish`"]
pub struct Run {
    pub(crate) program: PathBuf,
    pub(crate) args: Vec<OsString>,
    pub(crate) env: Vec<(OsString, OsString)>,
    stdin: Stdin,
    stdout_is_a_file: bool,
    deadline: Option<Duration>,
    output_limit: usize,
    memory: u64,
    pub(crate) descriptors: u64,
    pub(crate) core: u64,
    pub(crate) held_back: Vec<Signal>,
    pub(crate) folder: Option<PathBuf>,
    pub(crate) writable: Vec<PathBuf>,
    pub(crate) network: Network,
    containment: Containment,
    to_the_last: bool,
    may_compute: bool,
}

/// What a program may reach by sockets of the Internet's families. Unix sockets are never refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Network {
    /// Nothing: making such a socket fails with `EPERM`.
    Refused,
    /// Itself, over a loopback device of its own. Where there are no namespaces, this is [`Network::Shared`].
    Loopback,
    /// Whatever the test can reach, which can also reach the program.
    Shared,
}

/// What the program finds on its standard input.
#[derive(Debug, Clone)]
enum Stdin {
    Ready(Vec<u8>),
    Later,
}

impl Run {
    /// A run of this program: no arguments, empty standard input, three seconds, or ten where it is recorded.
    pub fn new(program: impl Into<PathBuf>) -> Self {
        Self {
            program: program.into(),
            args: Vec::new(),
            env: Vec::new(),
            stdin: Stdin::Ready(Vec::new()),
            stdout_is_a_file: false,
            deadline: None,
            output_limit: OUTPUT_LIMIT,
            memory: MEMORY,
            descriptors: DESCRIPTORS,
            core: crate::supervisor::NO_CORE,
            held_back: Vec::new(),
            folder: None,
            writable: Vec::new(),
            network: Network::Refused,
            containment: Containment::wanted(),
            to_the_last: false,
            may_compute: false,
        }
    }

    /// Adds an argument.
    pub fn arg(mut self, arg: impl Into<OsString>) -> Self {
        self.args.push(arg.into());
        self
    }

    /// Adds several arguments.
    pub fn args<I: IntoIterator<Item: Into<OsString>>>(mut self, args: I) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// Sets a variable of the program's environment.
    pub fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.env.push((name.into(), value.into()));
        self
    }

    /// Sets what the program can read from its standard input.
    pub fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.stdin = Stdin::Ready(bytes.into());
        self
    }

    /// Makes the program's standard input a pipe in which nothing is until [`Running::tell`].
    pub fn stdin_later(mut self) -> Self {
        self.stdin = Stdin::Later;
        self
    }

    /// Makes the program's standard output a regular file instead of a pipe. [`Running::line`] then sees nothing;
    /// [`Outcome::stdout`] is the same.
    pub fn stdout_to_a_file(mut self) -> Self {
        self.stdout_is_a_file = true;
        self
    }

    /// Sets how long the program may run. If it wants to at the end of that time, and others had the processors for three quarters
    /// of it, it has as much again, up to a minute in all: a deadline ends who hangs or spins, and nobody else. Time in which the test itself
    /// gets no processor does not count.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// Sets how many bytes the program may write to each of its output streams.
    pub fn output_limit(mut self, bytes: usize) -> Self {
        self.output_limit = bytes;
        self
    }

    /// Sets how much memory, in bytes, the processes of the run may use together.
    pub fn memory_limit(mut self, bytes: u64) -> Self {
        self.memory = bytes;
        self
    }

    /// Sets how many descriptors each process may have.
    pub fn descriptors(mut self, count: u64) -> Self {
        self.descriptors = count;
        self
    }

    /// Lets a process that a signal kills leave its memory in a file, where it may write and the machine does so (core(5)). Where cores are
    /// piped to a program, which may keep them, none is left.
    pub fn may_dump_core(mut self) -> Self {
        let pattern = std::fs::read("/proc/sys/kernel/core_pattern");
        if pattern.is_ok_and(|pattern| !pattern.starts_with(b"|")) {
            self.core = self.memory;
        }
        self
    }

    /// Starts the program with this signal in its mask, as whoever has blocked it starts others. Not for a recording, which takes each mask to begin empty.
    pub fn holding_back(mut self, signal: Signal) -> Self {
        self.held_back.push(signal);
        self
    }

    /// Starts the program in this folder instead of the scratch folder. It may read there, and not write.
    pub fn folder(mut self, folder: impl Into<PathBuf>) -> Self {
        self.folder = Some(folder.into());
        self
    }

    /// Lets the program write beneath this folder, too, as far as its user may.
    pub fn may_write(mut self, folder: impl Into<PathBuf>) -> Self {
        self.writable.push(folder.into());
        self
    }

    /// Sets what the program may reach by network.
    pub fn network(mut self, network: Network) -> Self {
        self.network = network;
        self
    }

    /// Contains the program at most so strongly. Without this, `GRADER_CONTAINMENT` decides, and without that all
    /// layers that work here.
    pub fn contained(mut self, containment: Containment) -> Self {
        self.containment = containment;
        self
    }

    /// Lets the run go on behind the program's own end, until nobody of it lives: a server may have handed its work on to
    /// another one.
    pub fn to_the_last(mut self) -> Self {
        self.to_the_last = true;
        self
    }

    /// Lets the program use the processor until its deadline. Else it is ended as who spins, after a second of processor time.
    pub fn may_compute(mut self) -> Self {
        self.may_compute = true;
        self
    }

    /// Runs the program to its end, or to its deadline.
    ///
    /// # Panics
    /// As [`Run::start`].
    pub fn finish(self) -> Outcome {
        self.start().finish()
    }

    /// Starts the program. When this returns, the exec has succeeded and the program's time is running.
    ///
    /// # Panics
    /// When the machine refuses what a run needs, or the program cannot be executed: the test then ends with a
    /// message that says so, and blames nobody's program.
    #[must_use]
    pub fn start(self) -> Running {
        let program = self.program.display().to_string();
        self.try_start(None).unwrap_or_else(|why| fault(&format!("cannot start {program}: {why}")))
    }

    /// Prepares this run for being recorded: every system call, one task at a time.
    pub fn recorded(self) -> Recording {
        Recording::new(self)
    }

    /// The program and its arguments.
    pub(crate) fn argv(&self) -> Vec<OsString> {
        std::iter::once(self.program.clone().into()).chain(self.args.iter().cloned()).collect()
    }

    /// Starts the program. `traced` is told its pid, and traces it before it lets it go on.
    pub(crate) fn try_start(self, traced: Option<Traced<'_>>) -> Result<Running, String> {
        let layers = Layers::of(self.containment);
        let deadline = self.deadline.unwrap_or(if traced.is_some() { RECORDED } else { DEADLINE });
        let (stdout, stdout_of_program) =
            if self.stdout_is_a_file { Stream::file()? } else { Stream::pipe()? };
        let (stderr, stderr_of_program) = Stream::pipe()?;
        let (stdin, to_stdin) = match &self.stdin {
            Stdin::Ready(bytes) => (input(bytes)?, None),
            Stdin::Later => {
                let (reader, writer) = pipe()?;
                never_blocks(&writer)?;
                (reader, Some(File::from(writer)))
            }
        };
        let mut ready = self.ready(layers)?;
        if let Some(user) = ready.plan.user {
            // To open /dev/stdout is to open the pipe anew, and that asks whose it is.
            for stream in [&stdin, &stdout_of_program, &stderr_of_program] {
                fchown(stream, Some(user.into()), None).map_err(|e| format!("fchown(2): {e}"))?;
            }
        }
        ready.plan.stdio =
            [stdin.as_raw_fd(), stdout_of_program.as_raw_fd(), stderr_of_program.as_raw_fd()];
        let (leash, program) = ready.launch(traced).map_err(|failed| failed.to_string())?;
        Ok(Running {
            supervisor: leash.pid,
            program,
            ended: pidfd_open(program).map_err(|e| format!("pidfd_open(2): {e}"))?,
            has_ended: false,
            to_the_last: self.to_the_last,
            leash,
            _scratch: ready.scratch,
            own_pids: layers.namespaces,
            watch: Watch::new(self.memory, MORE_PROCESSES),
            to_stdin,
            stdout,
            stderr,
            lines_read: 0,
            began: Instant::now(),
            clock: Clock::new(deadline),
            may_compute: self.may_compute,
            enough: None,
            recorder: None,
            early: None,
            output_limit: self.output_limit,
            audience: None,
        })
    }
}
