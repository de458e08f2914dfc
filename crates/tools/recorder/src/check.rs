//! `--check`: what /proc says of all descriptor tables, each time that all are at rest.
//!
//! Where the recorder chooses who runs, nobody does between two turns: what is read then is one moment
//! of all processes, and each table can be compared with every other.

use nix::unistd::Pid;
use trace::Task;
use trace::event::What;

use crate::files::Moment;
use crate::prologue::Prologue;
use crate::recording::Recording;
use crate::schedule::Policy;
use crate::task::State;

/// Calls that are made often and leave descriptor tables alone, whatever comes of them. What the model
/// might make of them shows after the next call that is none of these.
#[rustfmt::skip]
const LEAVE_TABLES_ALONE: [&str; 30] = [
    "alarm", "clock_nanosleep", "epoll_pwait", "epoll_pwait2", "epoll_wait", "futex", "getpid",
    "getppid", "gettid", "kill", "nanosleep", "pause", "poll", "ppoll", "pselect6", "pwrite64",
    "rt_sigaction", "rt_sigpending", "rt_sigprocmask", "rt_sigsuspend", "rt_sigtimedwait", "select",
    "setitimer", "tgkill", "tkill", "wait4", "waitid", "write", "writev", "sched_yield",
];

/// Whether descriptor tables may be others after this.
pub(crate) fn may_change_tables(what: &What) -> bool {
    match what {
        What::Leave { name, .. } => !LEAVE_TABLES_ALONE.contains(&name.as_str()),
        What::Exec { .. } | What::Born { .. } | What::Pidfd { .. } | What::Ended { .. } => true,
        _ => false,
    }
}

impl Recording<'_> {
    /// Tells the table of each task, one after another: two that share a table are told the same. Nothing is
    /// told if nothing was told that may change one.
    ///
    /// In free order others run while one is read: see [`tell_own_table`](Self::tell_own_table). Nothing is told of a
    /// program whose loader is at work, whose calls aren't told either.
    pub(crate) fn tell_tables(&mut self) {
        let wanted = self.options.check && self.options.policy != Policy::Free && !self.is_over;
        if !wanted || !std::mem::take(&mut self.tables_may_differ) {
            return;
        }
        let mut moment = Moment::default();
        let tables: Vec<_> = self
            .at_rest()
            .into_iter()
            .map(|(task, pid)| (task, moment.table(pid, &self.names)))
            .collect();
        for (task, table) in tables {
            self.tell(task, What::Descriptors { table });
        }
    }

    /// In free order, tells the table of a task that has just stopped, before it goes on, if nobody else can have changed it. Where
    /// several threads do at once, one may have done so already and not returned: what a child or the next program then
    /// begins with, nothing tells.
    pub(crate) fn tell_own_table(&mut self, task: Task) {
        if !self.options.check || self.is_over {
            return;
        }
        let Some(tracee) = self.tasks.get(&task) else { return };
        let own = self.processes.get(&tracee.process).is_some_and(|process| !process.shares_table);
        let stands = matches!(tracee.state, State::Ready { .. });
        let is_due = own && stands && tracee.prologue == Prologue::Over;
        // While the loader is at work, that stands over.
        if is_due && std::mem::take(&mut self.tables_may_differ) {
            self.tell_table(task);
        }
    }

    /// Whether other threads may change a task's table at any moment: what a child or the next program then begins with,
    /// calls that have returned don't say.
    pub(crate) fn is_in_motion(&self, task: Task) -> bool {
        self.options.policy == Policy::Free && self.siblings(task).next().is_some()
    }

    /// Tells what /proc says of the table of a task that stands.
    pub(crate) fn tell_table(&mut self, task: Task) {
        let Some(tracee) = self.tasks.get(&task) else { return };
        let table = Moment::default().table(tracee.pid, &self.names);
        self.tell(task, What::Descriptors { table });
    }

    /// A process has made a thread or a process, which has its table or a copy of it.
    pub(crate) fn may_share_table(&mut self, maker: Task, made: Task, shares: bool) {
        let shares = shares || self.processes.get(&maker).is_some_and(|it| it.shares_table);
        for process in [maker, made] {
            if let Some(process) = self.processes.get_mut(&process) {
                process.shares_table |= shares;
            }
        }
    }

    fn at_rest(&self) -> Vec<(Task, Pid)> {
        let rests = |state| matches!(state, State::Ready { .. } | State::Sleeps | State::Stopped);
        self.tasks
            .iter()
            .filter(|(_, tracee)| rests(tracee.state) && tracee.prologue == Prologue::Over)
            .map(|(&task, tracee)| (task, tracee.pid))
            .collect()
    }
}
