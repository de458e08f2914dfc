//! Runs a program under a supervisor.

use crate::fds::{Stream, input, pidfd_open, pipe};
use crate::leash::{Leash, read_report};
use crate::proc::threads_of_this_user;
use crate::supervisor::{self, Plan};
use crate::verdict::fault;
use crate::{Outcome, Recording, Running};
use nix::errno::Errno;
use nix::unistd::Pid;
use std::ffi::{CString, OsStr, OsString};
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// How long a program may run, unless its test says otherwise. Compiling is over by then.
const DEADLINE: Duration = Duration::from_secs(3);
/// How many bytes of each output stream are kept; a program that writes more is ended.
const OUTPUT_LIMIT: usize = 1 << 20;
/// How many processes and threads a program may add to those that its user has already.
const MORE_PROCESSES: u64 = 512;

/// A program to run, with its arguments, its input and its limits.
#[derive(Debug, Clone)]
#[must_use = "nothing runs before `start` or `finish`"]
pub struct Run {
    program: PathBuf,
    args: Vec<OsString>,
    stdin: Stdin,
    stdout_is_a_file: bool,
    deadline: Duration,
    output_limit: usize,
}

/// What the program finds on its standard input.
#[derive(Debug, Clone)]
enum Stdin {
    Ready(Vec<u8>),
    Later,
}

impl Run {
    /// A run of this program: no arguments, empty standard input, three seconds.
    pub fn new(program: impl Into<PathBuf>) -> Self {
        Self {
            program: program.into(),
            args: Vec::new(),
            stdin: Stdin::Ready(Vec::new()),
            stdout_is_a_file: false,
            deadline: DEADLINE,
            output_limit: OUTPUT_LIMIT,
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

    /// Sets how long the program may run.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Sets how many bytes the program may write to each of its output streams.
    pub fn output_limit(mut self, bytes: usize) -> Self {
        self.output_limit = bytes;
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
    pub(crate) fn try_start(
        self,
        traced: Option<&mut dyn FnMut(Pid, OwnedFd)>,
    ) -> Result<Running, String> {
        let (stdout, stdout_of_program) =
            if self.stdout_is_a_file { Stream::file()? } else { Stream::pipe()? };
        let (stderr, stderr_of_program) = Stream::pipe()?;
        let (stdin, to_stdin) = match &self.stdin {
            Stdin::Ready(bytes) => (input(bytes)?, None),
            Stdin::Later => pipe().map(|(reader, writer)| (reader, Some(writer)))?,
        };
        let (lifeline_of_supervisor, lifeline) = pipe()?;
        let (report, report_of_supervisor) = pipe()?;
        let (exec_error, exec_error_of_program) = pipe()?;

        let mut plan = self.plan()?;
        plan.stdio =
            [stdin.as_raw_fd(), stdout_of_program.as_raw_fd(), stderr_of_program.as_raw_fd()];
        plan.lifeline = lifeline_of_supervisor.as_raw_fd();
        plan.report = report_of_supervisor.as_raw_fd();
        plan.exec_error = exec_error_of_program.as_raw_fd();
        let go = traced.is_some().then(pipe).transpose()?;
        plan.go = go.as_ref().map(|(be_told, _)| be_told.as_raw_fd());
        let supervisor = plan.launch().map_err(|e| format!("fork(2): {e}"))?;
        // From here on, leaving in any way ends the supervisor and everything below it.
        let leash = Leash { supervisor: Some(supervisor), lifeline: Some(lifeline), report };
        drop((stdin, stdout_of_program, stderr_of_program));
        drop((lifeline_of_supervisor, report_of_supervisor, exec_error_of_program));

        let program = match leash.report() {
            Some([supervisor::STARTED, pid, _]) => Pid::from_raw(pid),
            Some([supervisor::FAILED, step, errno]) => return Err(failed_step(step, errno)),
            _ => return Err("its supervisor does not answer".into()),
        };
        if let (Some(traced), Some((be_told, go))) = (traced, go) {
            drop(be_told);
            traced(program, go);
        }
        // The exec closes the program's end of this pipe, so its end of file means success.
        if let Some([_, step, errno]) = read_report(&exec_error) {
            return Err(failed_step(step, errno));
        }
        Ok(Running {
            supervisor,
            program,
            ended: pidfd_open(program).map_err(|e| format!("pidfd_open(2): {e}"))?,
            has_ended: false,
            leash,
            to_stdin,
            stdout,
            stderr,
            lines_read: 0,
            deadline: self.deadline,
            deadline_at: Instant::now() + self.deadline,
            output_limit: self.output_limit,
        })
    }

    fn plan(&self) -> Result<Plan, String> {
        let c_string = |text: &OsStr| {
            CString::new(text.as_bytes())
                .map_err(|_| format!("{} has a zero byte in it", text.display()))
        };
        let args = std::iter::once(self.program.as_os_str())
            .chain(self.args.iter().map(OsString::as_os_str));
        let args = args.map(c_string).collect::<Result<_, _>>()?;
        let env = std::env::vars_os()
            .filter(|(name, _)| {
                name != "RUST_BACKTRACE" && !name.as_bytes().starts_with(b"GRADER_")
            })
            .map(|(name, value)| CString::new([name.into_vec(), value.into_vec()].join(&b'=')))
            .filter_map(Result::ok)
            .collect();
        let mut plan = Plan::new(c_string(self.program.as_os_str())?, args, env);
        // The kernel does not hold root to this limit (setrlimit(2)).
        if !nix::unistd::geteuid().is_root() {
            plan.processes = Some(threads_of_this_user() + MORE_PROCESSES);
        }
        Ok(plan)
    }
}

fn failed_step(step: i32, errno: i32) -> String {
    format!("{}: {}", supervisor::step_name(step), Errno::from_raw(errno))
}
