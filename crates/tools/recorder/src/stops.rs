//! What each stop means.

use nix::unistd::Pid;
use trace::Task;
use trace::event::{Status, What};

use crate::look;
use crate::prologue::Prologue;
use crate::ptrace::{self, AtCall, Stop};
use crate::recording::Recording;
use crate::rights;
use crate::task::{Call, State};

impl Recording<'_> {
    /// Whose stop it is: a thread that has called exec stops with its process's id.
    pub(crate) fn owner(&self, pid: Pid, stop: Stop) -> Option<Task> {
        let with = |pid: Pid| self.by_pid.get(&pid).copied();
        match stop {
            Stop::Exec => match ptrace::former_id(pid) {
                Some(former) => with(former),
                None => self.killed_in_exec(with(pid)?),
            },
            _ => with(pid),
        }
    }

    /// Who has called exec, and was killed before it could be asked; the process's first thread, if that can't be known.
    fn killed_in_exec(&self, first: Task) -> Option<Task> {
        let others = self.siblings(first).map(|(other, _)| other);
        let all: Vec<_> = others.chain([first]).filter(|&task| self.is_in_exec(task)).collect();
        Some(if let [one] = all[..] { one } else { first })
    }

    pub(crate) fn stopped(&mut self, task: Task, stop: Stop) {
        let Some(tracee) = self.tasks.get(&task) else { return };
        let pid = tracee.pid;
        let is_gone = matches!(stop, Stop::Gone(_));
        // Its end was seen in /proc and told: this is from before.
        if tracee.state == State::Ended && !is_gone {
            return;
        }
        if !is_gone {
            self.ready(task, 0);
        }
        if let Some(tracee) = self.tasks.get_mut(&task) {
            (tracee.queued, tracee.until, tracee.aside) = (None, None, None);
        }
        if !matches!(stop, Stop::Gone(_) | Stop::Exit)
            && let Some(tracee) = self.tasks.get_mut(&task)
        {
            tracee.takes = None;
        }
        self.calm = false;
        match stop {
            Stop::Gone(status) => self.gone(task, status),
            Stop::Call => match ptrace::at_call(pid) {
                Ok(AtCall::Enter(number, args)) => {
                    self.calm = true;
                    self.enters(task, number, args);
                }
                Ok(AtCall::Leave(result)) => {
                    self.calm = self.tasks[&task].call.as_ref().is_some_and(Call::wakes_nobody);
                    self.leaves(task, result);
                }
                // It was killed in this moment.
                Ok(AtCall::Unknown) | Err(_) => (),
            },
            Stop::Made { vfork } => self.made(task, vfork),
            Stop::Exec => self.executed(task),
            Stop::Exit => self.ends(task),
            Stop::Signal(signal) => self.signalled(task, signal),
            Stop::Group(signal) => self.group_stopped(task, signal),
            Stop::Trap => self.continued(task),
        }
        if self.options.policy == crate::Policy::Free {
            self.tell_own_table(task);
            self.let_run(task);
            // It may have waited for this one's exec.
            let others = self.siblings(task).map(|(other, _)| other);
            let first = others.filter(|&other| self.is_first(other)).min();
            if let Some(first) = first {
                self.let_run(first);
            }
        }
    }

    pub(crate) fn set_state(&mut self, task: Task, state: State) {
        if let Some(tracee) = self.tasks.get_mut(&task) {
            tracee.state = state;
        }
    }

    /// It can run, and gets this signal then, if it is not 0.
    pub(crate) fn ready(&mut self, task: Task, signal: i32) {
        self.clock += 1;
        let since = self.clock;
        // A stop from before the end: SIGKILL has taken it on since.
        let state = if self.is_over { State::Ends } else { State::Ready { since, signal } };
        self.set_state(task, state);
    }

    /// exec: all other threads are gone, and this one has the process's id.
    fn executed(&mut self, task: Task) {
        let Some(process) = self.tasks.get(&task).map(|tracee| tracee.process) else { return };
        let Some(leader) = self.processes.get(&process).map(|process| process.pid) else { return };
        let in_motion = self.is_in_motion(task);
        let others: Vec<_> = self
            .tasks
            .iter()
            .filter(|&(&other, tracee)| other != task && tracee.process == process)
            .map(|(&other, _)| other)
            .collect();
        for other in others {
            self.forget(other, Status::Code(0));
        }
        let Some(tracee) = self.tasks.get_mut(&task) else { return };
        self.by_pid.remove(&tracee.pid);
        self.by_pid.insert(leader, task);
        tracee.pid = leader;
        tracee.look = look::Look::new(leader, leader);
        // It has its table for itself now.
        if let Some(process) = self.processes.get_mut(&process) {
            process.shares_table = false;
        }
        // Several did: which one of them was the first is not known.
        let Some((path, argv)) = tracee.call.as_ref().map(Call::program) else { return };
        self.tell(task, What::Exec { path: path.clone(), argv });
        if in_motion {
            self.tell_table(task);
        }
        self.lines.forget(process);
        self.begins_a_program(task, &path);
    }

    /// After exec, the loader and the runtime are not told, unless all is.
    pub(crate) fn begins_a_program(&mut self, task: Task, name: &str) {
        let prologue = if self.options.all { Prologue::Over } else { Prologue::Loader };
        if let Some(tracee) = self.tasks.get_mut(&task) {
            tracee.prologue = prologue;
            self.warnings.extend(rights::warning(tracee.pid, name));
        }
    }

    fn group_stopped(&mut self, task: Task, signal: i32) {
        let Some(tracee) = self.tasks.get(&task).filter(|_| !self.is_over) else { return };
        _ = ptrace::listen(tracee.pid);
        self.set_state(task, State::Stopped);
        let Some(tracee) = self.tasks.get(&task) else { return };
        self.tell_stopped(tracee.process, signal);
    }

    pub(crate) fn tell_stopped(&mut self, leader: Task, signal: i32) {
        let Some(process) = self.processes.get_mut(&leader) else { return };
        if !std::mem::replace(&mut process.stopped, true) {
            self.tell(leader, What::Stopped { signal });
        }
    }

    pub(crate) fn continued(&mut self, task: Task) {
        let Some(leader) = self.tasks.get(&task).map(|tracee| tracee.process) else { return };
        let Some(process) = self.processes.get_mut(&leader) else { return };
        if std::mem::take(&mut process.stopped) {
            self.tell(leader, What::Continued);
        }
    }

    /// Whoever ends is never held: others may wait for it in the kernel. If the whole process ends,
    /// its other threads do too, those that are held as well.
    fn ends(&mut self, task: Task) {
        let Some(tracee) = self.tasks.get_mut(&task) else { return };
        tracee.exit_status = ptrace::exit_status(tracee.pid).ok();
        self.leaves_children(task);
        let Some(tracee) = self.tasks.get_mut(&task) else { return };
        let pid = tracee.pid;
        tracee.state = State::Ends;
        let killed = matches!(tracee.exit_status, Some(Status::Signal(_)));
        let (process, all) = (tracee.process, killed || tracee.is_in("exit_group"));
        for tracee in self.tasks.values_mut().filter(|other| all && other.process == process) {
            if tracee.state != State::Ended {
                tracee.state = State::Ends;
            }
        }
        self.make_way(task);
        _ = ptrace::resume(pid, 0);
    }

    /// Nothing waits for a process's first thread while others live: its end is seen in /proc.
    pub(crate) fn first_thread_ended(&mut self, task: Task) {
        let Some(tracee) = self.tasks.get_mut(&task) else { return };
        if tracee.state != State::Ended {
            tracee.state = State::Ended;
            let status = tracee.exit_status.unwrap_or(Status::Signal(libc::SIGKILL));
            let process = tracee.process;
            self.tell_killer_first(process, status);
            self.tell(task, What::Ended { status });
        }
    }
}
