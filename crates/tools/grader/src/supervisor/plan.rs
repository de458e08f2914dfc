//! What a supervisor is to do, made ready before the fork: the test's side of it, and the last of that is the fork.

use super::rooms::Rooms;
use super::{calls, supervise};
use crate::copies::copying;
use crate::fds::wait_for;
use libc::{c_char, sock_filter};
use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags};
use nix::sys::signal::SigSet;
use nix::unistd::{ForkResult, Pid, pipe2};
use std::ffi::CString;
use std::os::fd::{AsFd as _, AsRawFd as _, RawFd};
use std::time::Duration;

/// Not 0: where cores are piped to a program, that would be no limit, and 1 means none (core(5) is silent about it).
pub(crate) const NO_CORE: u64 = 1;

/// Everything that happens between the fork and the exec, made ready before the fork.
pub(crate) struct Plan {
    pub(super) program: CString,
    // The strings stay with the pointers to them, and neither is changed once made.
    _strings: Vec<CString>,
    pub(super) argv: Vec<*const c_char>,
    pub(super) envp: Vec<*const c_char>,
    /// The program's descriptors 0, 1 and 2.
    pub(crate) stdio: [RawFd; 3],
    /// Its end says that the test is done with the run.
    pub(crate) lifeline: RawFd,
    /// Where the supervisor writes its [`Report`]s.
    pub(crate) report: RawFd,
    /// Where the program's process writes a [`Report`] when it cannot become the program.
    pub(crate) exec_error: RawFd,
    /// Where the program's process waits for a byte before its exec, when somebody is going to trace it; −1 else.
    pub(crate) go: RawFd,
    /// The limit on the user's processes, where it means something.
    pub(crate) processes: Option<u64>,
    /// The limit on descriptors.
    pub(crate) descriptors: u64,
    /// The limit on core files.
    pub(crate) core: u64,
    /// The signals that it begins with held back.
    pub(crate) held_back: SigSet,
    /// Where the program is started.
    pub(crate) folder: CString,
    /// The namespaces that it gets.
    pub(crate) rooms: Option<Rooms>,
    /// The Landlock rules that it is under.
    pub(crate) rules: Option<RawFd>,
    /// The calls that it is refused.
    pub(crate) filter: Option<Vec<sock_filter>>,
    /// The user that it becomes, when the test is root's.
    pub(crate) user: Option<u32>,
    /// The program's file, for a user to whom its path is closed.
    pub(crate) file: RawFd,
    /// Not to start anything, only to find out whether everything up to that works.
    pub(crate) rehearsal: bool,
    pub(crate) group_of_test: i32,
}

impl Plan {
    /// A plan to run `program` with these arguments (the first is its name) and this environment.
    pub(crate) fn new(program: CString, args: Vec<CString>, env: Vec<CString>) -> Self {
        let pointers = |strings: &[CString]| -> Vec<*const c_char> {
            strings.iter().map(|s| s.as_ptr()).chain([std::ptr::null()]).collect()
        };
        let (argv, envp) = (pointers(&args), pointers(&env));
        let strings = args.into_iter().chain(env).collect();
        Self {
            program,
            _strings: strings,
            argv,
            envp,
            stdio: [-1; 3],
            lifeline: -1,
            report: -1,
            exec_error: -1,
            go: -1,
            processes: None,
            descriptors: 1024,
            core: NO_CORE,
            held_back: SigSet::empty(),
            folder: c"/".into(),
            rooms: None,
            rules: None,
            filter: None,
            user: None,
            file: -1,
            rehearsal: false,
            group_of_test: nix::unistd::getpgrp().as_raw(),
        }
    }

    /// Forks the supervisor; returns in the test only, and when the supervisor has nothing open that is not its own.
    pub(crate) fn launch(&self) -> nix::Result<Pid> {
        let [stdin, stdout, stderr] = self.stdio;
        let rules = self.rules.unwrap_or(-1);
        let &Self { lifeline, report, exec_error, go, file, .. } = self;
        let (all_closed, mark) = pipe2(OFlag::O_CLOEXEC)?;
        let last = mark.as_raw_fd();
        let mut kept = [stdin, stdout, stderr, lifeline, report, exec_error, go, rules, file, last];
        kept.sort_unstable();
        let _copying = copying();
        match calls::clone(self.rooms.as_ref().map_or(0, Rooms::flags))? {
            ForkResult::Parent { child } => {
                drop(mark);
                while !wait_for(
                    &mut [PollFd::new(all_closed.as_fd(), PollFlags::POLLIN)],
                    Duration::MAX,
                ) {}
                Ok(child)
            }
            // Keeps to what is async-signal-safe, and never returns.
            ForkResult::Child => supervise(self, &kept, last),
        }
    }
}

/// The descriptors of a plan, sorted; −1 stands for one that it does without.
pub(super) type Kept = [RawFd; 10];
