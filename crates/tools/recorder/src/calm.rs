//! After most stops nobody can have been woken: then nobody is asked whether he was.

use crate::recording::Recording;
use crate::schedule::Policy;
use crate::signals::sends;
use crate::task::{Call, State, Tracee};

impl Call {
    /// Whether it may wait for something to happen.
    pub(crate) fn may_sleep(&self) -> bool {
        match self.name {
            "clone" | "execve" | "execveat" | "exit" | "exit_group" | "fork" => false,
            "poll" | "select" => true,
            "fcntl" => matches!(self.args[1] as i32, libc::F_SETLKW | libc::F_OFD_SETLKW),
            _ => !self.wakes_nobody() && !self.sleeps_only_to_ask(),
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

    /// Whether it never sleeps by itself. But where a program is watched, it may be another process's word whether such a call is made,
    /// by seccomp_unotify(2): its caller sleeps until that has come, which takes its time on a busy machine.
    pub(crate) fn sleeps_only_to_ask(&self) -> bool {
        sends(self.name)
            || matches!(
                self.name,
                "ioprio_set"
                    | "memfd_create"
                    | "memfd_secret"
                    | "mq_open"
                    | "msgget"
                    | "pidfd_getfd"
                    | "pidfd_open"
                    | "process_vm_writev"
                    | "ptrace"
                    | "sched_setaffinity"
                    | "sched_setattr"
                    | "sched_setparam"
                    | "sched_setscheduler"
                    | "semget"
                    | "setpriority"
                    | "shmget"
                    | "socket"
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
