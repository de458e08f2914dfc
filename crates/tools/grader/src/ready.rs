//! From a [`Run`] to a supervisor: everything that a run needs, made before the fork.

use crate::fds::{executable, pipe};
use crate::filter::{self, Wanted};
use crate::layers::{Layers, user_of_a_run};
use crate::leash::{Leash, Missing, read_report};
use crate::proc::{children, threads_of_this_user};
use crate::run::MORE_PROCESSES;
use crate::scratch::Scratch;
use crate::supervisor::{self, Plan, Rooms};
use crate::{Network, Run, landlock};
use nix::errno::Errno;
use nix::sys::prctl;
use nix::unistd::{Pid, getegid, geteuid};
use std::ffi::{CString, OsStr, OsString};
use std::fmt;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::Path;

/// Where the pids of a run begin that has pids of its own: all of them have four digits, so that a text is as long in each run.
const LAST_PIDS: std::ops::Range<u32> = 1000..9000;

/// A plan, and what must live as long as it.
pub(crate) struct Ready {
    pub(crate) plan: Plan,
    pub(crate) scratch: Scratch,
    _rules: Option<OwnedFd>,
    _file: Option<OwnedFd>,
}

/// Traces the process with this pid, and then writes a byte to this pipe, which lets it go on.
pub(crate) type Traced<'a> = &'a mut dyn FnMut(Pid, OwnedFd);

/// Why no program was started.
pub(crate) enum Failed {
    /// This step of the supervisor was refused.
    Step(i32, Errno),
    /// The supervisor could not be forked.
    Fork(Errno),
    Other(String),
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Step(step, errno) => write!(f, "{}: {errno}", supervisor::step_name(*step)),
            Self::Fork(errno) => write!(f, "fork(2): {errno}"),
            Self::Other(why) => f.write_str(why),
        }
    }
}

impl From<String> for Failed {
    fn from(why: String) -> Self {
        Self::Other(why)
    }
}

impl Run {
    /// Makes ready what a run with these layers needs, but for its standard streams.
    pub(crate) fn ready(&self, layers: Layers) -> Result<Ready, String> {
        let user = layers.own_user.then(user_of_a_run);
        let scratch = Scratch::new(user)?;
        let program = std::path::absolute(&self.program)
            .map_err(|e| format!("{}: {e}", self.program.display()))?;
        let args = std::iter::once(self.program.as_os_str())
            .chain(self.args.iter().map(OsString::as_os_str));
        let args = args.map(c_string).collect::<Result<_, _>>()?;
        let mut plan =
            Plan::new(c_string(program.as_os_str())?, args, environment(scratch.path(), &self.env));
        plan.folder = c_string(self.folder.as_deref().unwrap_or(scratch.path()).as_os_str())?;
        plan.descriptors = self.descriptors;
        plan.core = self.core;
        plan.held_back = self.held_back.iter().copied().collect();
        plan.user = user;
        // A user of its own has no other processes, and the kernel does not hold root to this limit (setrlimit(2)).
        plan.processes = match (user, geteuid().is_root()) {
            (Some(_), _) => Some(MORE_PROCESSES),
            (None, true) => None,
            (None, false) => Some(threads_of_this_user() + MORE_PROCESSES),
        };
        let file = user.and_then(|_| executable(&program));
        plan.file = file.as_ref().map_or(-1, |file| file.as_raw_fd());
        if layers.namespaces {
            plan.rooms = Some(self.rooms(&scratch)?);
        }
        let rules = layers.landlock.map(|version| {
            let writable = self.writable.iter().map(std::path::PathBuf::as_path);
            let folders: Vec<&Path> = writable.chain([scratch.around()]).collect();
            landlock::rules(version, &folders)
        });
        let rules = rules.transpose()?;
        plan.rules = rules.as_ref().map(|rules| rules.as_raw_fd());
        if layers.seccomp {
            plan.filter = filter::filter(Wanted {
                every_signal: !layers.keeps_signals(),
                sockets: self.network == Network::Refused,
            });
        }
        Ok(Ready { plan, scratch, _rules: rules, _file: file })
    }

    fn rooms(&self, scratch: &Scratch) -> Result<Rooms, String> {
        let same = |id: u32| CString::new(format!("{id} {id} 1")).map_err(|e| e.to_string());
        let (user, group) = (geteuid(), getegid());
        // Root has no need of a user namespace, and its program gets a user that such a one would not know.
        let maps =
            if user.is_root() { None } else { Some([same(user.as_raw())?, same(group.as_raw())?]) };
        let writable = self.writable.iter().map(|folder| c_string(folder.as_os_str()));
        Ok(Rooms {
            maps,
            own_network: self.network != Network::Shared,
            scratch: c_string(scratch.path().as_os_str())?,
            writable: writable.collect::<Result<_, _>>()?,
            last_pid: c_string(fastrand::u32(LAST_PIDS).to_string().as_ref())?,
        })
    }
}

impl Ready {
    /// Forks the supervisor. When this returns, the program's exec has succeeded; its pid is as this process sees it.
    ///
    /// `traced` is told that pid when the process waits to be traced, and with it how to let it go on.
    pub(crate) fn launch(&mut self, traced: Option<Traced<'_>>) -> Result<(Leash, Pid), Failed> {
        let (lifeline_of_supervisor, lifeline) = pipe()?;
        let (report, report_of_supervisor) = pipe()?;
        let (exec_error, exec_error_of_program) = pipe()?;
        self.plan.lifeline = lifeline_of_supervisor.as_raw_fd();
        self.plan.report = report_of_supervisor.as_raw_fd();
        self.plan.exec_error = exec_error_of_program.as_raw_fd();
        let go = traced.is_some().then(pipe).transpose()?;
        self.plan.go = go.as_ref().map_or(-1, |(be_told, _)| be_told.as_raw_fd());
        // Closes the test's memory, with all that it expects, to programs of the same user.
        prctl::set_dumpable(false).map_err(Failed::Fork)?;
        let supervisor = self.plan.launch().map_err(Failed::Fork)?;
        // From here on, leaving in any way ends the supervisor and everything below it.
        let leash = Leash::new(supervisor, lifeline, report);
        drop((lifeline_of_supervisor, report_of_supervisor, exec_error_of_program));
        let program = match leash.report() {
            Ok([supervisor::STARTED, pid, _]) => Pid::from_raw(pid),
            Ok([supervisor::FAILED, step, errno]) => {
                return Err(Failed::Step(step, Errno::from_raw(errno)));
            }
            _ => return Err(Failed::Other("its supervisor does not answer".into())),
        };
        let program = if self.plan.rooms.is_none() {
            program
        } else {
            // That was its pid inside. It is the supervisor's first child, and nobody reaps it.
            let first = children(supervisor).first().copied();
            first.ok_or_else(|| Failed::Other("its supervisor shows no child".into()))?
        };
        if let (Some(traced), Some((be_told, go))) = (traced, go) {
            drop(be_told);
            match read_report(&exec_error) {
                Ok([supervisor::READY, ..]) => traced(program, go),
                Ok([_, step, errno]) => return Err(Failed::Step(step, Errno::from_raw(errno))),
                Err(_) => return Err(Failed::Other("its process did not come to its exec".into())),
            }
        }
        // The exec closes the program's end of this pipe, so its end of file means success.
        match read_report(&exec_error) {
            Ok([_, step, errno]) => Err(Failed::Step(step, Errno::from_raw(errno))),
            Err(Missing::Late) => Err(Failed::Other("its exec does not come to an end".into())),
            Err(Missing::Ended) => Ok((leash, program)),
        }
    }
}

/// Tries these layers on a program that ends before it begins.
///
/// # Errors
/// The step that did not work; 0 for one that has no number.
pub(crate) fn rehearse(layers: Layers) -> Result<(), i32> {
    let mut ready = Run::new("/").ready(layers).map_err(|_| 0)?;
    ready.plan.rehearsal = true;
    // Any descriptor will do for the standard streams.
    let (nothing, _) = pipe().map_err(|_| 0)?;
    ready.plan.stdio = [nothing.as_raw_fd(); 3];
    let (mut leash, _) = ready.launch(None).map_err(|failed| match failed {
        Failed::Step(step, _) => step,
        Failed::Fork(_) | Failed::Other(_) => 0,
    })?;
    match leash.let_go() {
        Ok(0) => Ok(()),
        _ => Err(0),
    }
}

/// The test's environment, without what is the test's own business, and with what the run sets.
fn environment(scratch: &Path, set: &[(OsString, OsString)]) -> Vec<CString> {
    let hidden = |name: &OsStr| {
        name == "RUST_BACKTRACE" || name == "TMPDIR" || name.as_bytes().starts_with(b"GRADER_")
    };
    std::env::vars_os()
        .filter(|(name, _)| !hidden(name) && set.iter().all(|(other, _)| other != name))
        .chain(set.iter().cloned())
        .chain([("TMPDIR".into(), scratch.into())])
        .map(|(name, value): (OsString, OsString)| {
            CString::new([name.into_vec(), value.into_vec()].join(&b'='))
        })
        .filter_map(Result::ok)
        .collect()
}

fn c_string(text: &OsStr) -> Result<CString, String> {
    CString::new(text.as_bytes()).map_err(|_| format!("{} has a zero byte in it", text.display()))
}
