//! After most stops nobody can have been woken: then nobody is asked whether he was.

use crate::recording::Recording;
use crate::schedule::Policy;
use crate::task::{Call, State, Tracee};

impl Call {
    /// Whether it may wait for something to happen.
    pub(crate) fn may_sleep(&self) -> bool {
        match self.name {
            "clone" | "execve" | "execveat" | "exit" | "exit_group" | "fork" => false,
            "poll" | "select" => true,
            _ => !self.wakes_nobody(),
        }
    }

    /// Whether it does nothing that another task could wait for.
    pub(crate) fn wakes_nobody(&self) -> bool {
        matches!(
            self.name,
            "access"
                | "arch_prctl"
                | "brk"
                | "clock_gettime"
                | "faccessat"
                | "fstat"
                | "getcwd"
                | "getdents64"
                | "getegid"
                | "geteuid"
                | "getgid"
                | "getpgid"
                | "getpid"
                | "getppid"
                | "getrandom"
                | "getrlimit"
                | "getrusage"
                | "getsid"
                | "getsockname"
                | "getsockopt"
                | "gettid"
                | "getuid"
                | "lseek"
                | "lstat"
                | "madvise"
                | "mmap"
                | "mprotect"
                | "mremap"
                | "munmap"
                | "newfstatat"
                | "pipe"
                | "pipe2"
                | "poll"
                | "prlimit64"
                | "readlink"
                | "readlinkat"
                | "rseq"
                | "rt_sigaction"
                | "rt_sigpending"
                | "rt_sigprocmask"
                | "rt_sigreturn"
                | "sched_getaffinity"
                | "sched_yield"
                | "select"
                | "set_robust_list"
                | "set_tid_address"
                | "sigaltstack"
                | "socketpair"
                | "stat"
                | "statx"
                | "sysinfo"
                | "umask"
                | "uname"
        )
    }
}

impl Recording<'_> {
    /// Whether the last turn has changed nothing for anybody else, or nobody sleeps whom it could have woken.
    pub(crate) fn is_calm(&self) -> bool {
        let stands = |tracee: &Tracee| match tracee.state {
            State::Ready { .. } | State::Ended => true,
            State::Sleeps | State::Stopped => self.calm,
            State::Runs | State::Ends => false,
        };
        self.options.policy != Policy::Free
            && self.later.is_empty()
            && self.strangers.is_empty()
            && self.sent.is_none()
            && self.tasks.values().all(stands)
    }
}
