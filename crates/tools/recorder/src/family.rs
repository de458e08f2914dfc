//! Parents and children: who ends, who is told of it, who is reaped; and the signals that wait.

use nix::unistd::Pid;
use trace::Task;
use trace::event::{Status, What};

use crate::look;
use crate::recording::Recording;
use crate::task::{Process, Sent, State};

impl Recording<'_> {
    /// Tells a task's end, if that was not told yet, and takes it out.
    pub(crate) fn forget(&mut self, task: Task, status: Status) {
        let Some(tracee) = self.tasks.remove(&task) else { return };
        self.may_put_back(&tracee);
        if let Some(call) = &tracee.call {
            self.is_over(task, call);
        }
        if self.by_pid.get(&tracee.pid) == Some(&task) {
            self.by_pid.remove(&tracee.pid);
        }
        if tracee.state != State::Ended {
            self.tell_killer_first(tracee.process, status);
            self.tell(task, What::Ended { status });
        }
    }

    /// A process has no thread any more. Its parent knows now, and its children have another parent.
    pub(crate) fn process_ended(&mut self, process: Task) {
        let Some(ended) = self.processes.get_mut(&process) else { return };
        ended.ended = true;
        self.lines.forget(process);
        let parent = ended.parent;
        match parent.and_then(|parent| self.processes.get(&parent)) {
            Some(parent) => {
                if parent.never_waits || self.ignores(parent.pid, libc::SIGCHLD) {
                    self.nobody_reaps(process);
                }
            }
            // The first process's parent is the recorder, which tells nothing of itself.
            None if process == Task(1) => (),
            None => self.nobody_reaps(process),
        }
        self.children_change_parents(process);
        self.sent.get_or_insert(Sent { by: None, signal: 0 });
    }

    fn ignores(&self, pid: Pid, signal: i32) -> bool {
        let tracee = self.by_pid.get(&pid).and_then(|task| self.tasks.get(task));
        tracee.is_some_and(|tracee| tracee.look.signals().ignored & look::only(signal) != 0)
    }

    fn children_change_parents(&mut self, from: Task) {
        let children: Vec<_> = self
            .processes
            .iter()
            .filter(|(_, child)| child.parent == Some(from) && !child.reaped)
            .map(|(&task, child)| (task, child.pid, child.ended))
            .collect();
        for (child, pid, ended) in children {
            // A subreaper may be among those who are recorded.
            let parent = look::parent(pid).and_then(|parent| self.process_of(parent));
            if let Some(child) = self.processes.get_mut(&child) {
                child.parent = parent;
            }
            if ended && parent.is_none() {
                self.nobody_reaps(child);
            }
        }
    }

    /// The process with this id, unless it has ended.
    fn process_of(&self, leader: Pid) -> Option<Task> {
        let process = self.tasks.get(self.by_pid.get(&leader)?)?.process;
        self.processes.get(&process).filter(|process| !process.ended).map(|_| process)
    }

    /// CLONE_PARENT. The first process's parent is not recorded.
    pub(crate) fn has_its_maker_s_parent(&mut self, child: Task, maker: Task) {
        let parent = self.processes.get(&maker).and_then(|maker| maker.parent);
        if let Some(child) = self.processes.get_mut(&child) {
            child.parent = parent;
        }
    }

    /// The kernel forgets a process, or the system's first process reaps it.
    fn nobody_reaps(&mut self, process: Task) {
        self.is_reaped(process, None);
    }

    /// A call of `by` has returned this process as ended.
    pub(crate) fn reaped(&mut self, pid: Pid, by: Task) {
        self.is_reaped(self.names.task(pid), Some(by));
    }

    /// A call of `by` has returned that doesn't say whom it has taken: waitid(2), which need not be told where to write that.
    pub(crate) fn has_reaped_somebody(&mut self, by: Task) {
        let Some(parent) = self.tasks.get(&by).map(|tracee| tracee.process) else { return };
        let is_gone = |child: &Process| {
            let is_a_zombie = child.parent == Some(parent) && child.ended && !child.reaped;
            is_a_zombie && look::parent(child.pid).is_none()
        };
        let gone = self.processes.iter().filter(|(_, child)| is_gone(child));
        for child in gone.map(|(&task, _)| task).collect::<Vec<_>>() {
            self.is_reaped(child, Some(by));
        }
    }

    fn is_reaped(&mut self, process: Task, by: Option<Task>) {
        let Some(state) = self.processes.get_mut(&process) else { return };
        if state.ended && !std::mem::replace(&mut state.reaped, true) {
            self.tell(process, What::Reaped { by });
        }
    }
}
