//! Children whose maker has not lived to tell of them: another thread's exec has ended it in the middle of its fork.

use nix::unistd::Pid;
use trace::Task;
use trace::event::What;

use crate::files::Moment;
use crate::look;
use crate::ptrace::Stop;
use crate::recording::Recording;
use crate::schedule::Policy;
use crate::task::Tracee;

/// Whether a task is in a call that makes another one.
fn makes(tracee: &Tracee) -> bool {
    ["fork", "vfork", "clone"].iter().any(|name| tracee.is_in(name))
}

impl Recording<'_> {
    /// A thread is gone: whom it was about to make is now said by nobody.
    pub(crate) fn may_leave_a_child(&mut self, task: Task, tracee: &Tracee) {
        if makes(tracee) {
            self.lost_makers.push((tracee.process, task));
        }
    }

    /// A task has made another one, and was killed before it could be asked whom.
    pub(crate) fn cannot_tell_whom(&mut self, maker: Task) {
        let Some(tracee) = self.tasks.get_mut(&maker) else { return };
        let (process, call) = (tracee.process, tracee.call.take());
        self.lost_makers.push((process, maker));
        if let Some(call) = call {
            self.is_over(maker, &call);
        }
        self.adopt_strangers();
    }

    /// Takes in those who wait to be told of, and whom nobody will tell of any more. Returns whether there was one.
    pub(crate) fn adopt_strangers(&mut self) -> bool {
        if self.lost_makers.is_empty() {
            return false;
        }
        let mut strangers: Vec<_> =
            self.strangers.iter().map(|(&pid, &stop)| (pid, stop)).collect();
        strangers.sort_by_key(|(pid, _)| *pid);
        strangers.into_iter().filter(|&(pid, stop)| self.adopt(pid, stop)).count() > 0
    }

    fn adopt(&mut self, pid: Pid, stop: Stop) -> bool {
        // A thread ends with the others.
        let is_process = look::leader(pid) == Some(pid);
        let parent = look::parent(pid).map(|parent| self.names.task(parent));
        let (Some(parent), true) = (parent, is_process) else { return false };
        let of_parent = |tracee: &Tracee| tracee.process == parent;
        // One of them may still tell.
        if self.tasks.values().any(|tracee| of_parent(tracee) && makes(tracee)) {
            return false;
        }
        let same = self.lost_makers.iter().position(|(process, _)| *process == parent);
        // Its parent may have ended since, and then it has another one.
        let ended = |process: &Task| self.processes.get(process).is_none_or(|found| found.ended);
        let orphaned = || self.lost_makers.iter().position(|(process, _)| ended(process));
        let Some(index) = same.or_else(orphaned) else { return false };
        let (process, maker) = self.lost_makers.swap_remove(index);
        self.strangers.remove(&pid);
        let child = self.new_task(pid, None, None);
        if let Some(child) = self.processes.get_mut(&child) {
            child.parent = (process == parent).then_some(process);
        }
        self.tell(
            child,
            What::Born { parent: maker, process: child, shares_files: false, maker_waits: false },
        );
        if !matches!(stop, Stop::Gone(_)) {
            let table = Moment::default().table(pid, &self.names);
            self.tell(child, What::Descriptors { table });
        }
        if stop != Stop::Trap {
            self.stopped(child, stop);
        } else if self.options.policy == Policy::Free {
            self.let_run(child);
        }
        true
    }
}
