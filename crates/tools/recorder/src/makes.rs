//! Who makes whom: fork and its kin.

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use trace::Task;
use trace::event::What;

use crate::memory;
use crate::ptrace::{self, Stop};
use crate::recording::Recording;
use crate::task::{Process, State, Tracee};

impl Recording<'_> {
    /// Takes a new task in; without a maker it is the first.
    pub(crate) fn new_task(
        &mut self,
        pid: Pid,
        maker: Option<Task>,
        thread_of: Option<Task>,
    ) -> Task {
        self.made += 1;
        let task = Task(self.made);
        let process = thread_of.unwrap_or(task);
        if thread_of.is_none() {
            let parent = maker.and_then(|maker| Some(self.tasks.get(&maker)?.process));
            self.processes.insert(task, Process::new(pid, parent));
        }
        let leader = self.processes.get(&process).map_or(pid, |process| process.pid);
        self.clock += 1;
        let mut state = State::Ready { since: self.clock, signal: 0 };
        if self.is_over {
            // Its maker was ended before it could tell of it, so it was not ended with the others.
            _ = kill(pid, Signal::SIGKILL);
            state = State::Ends;
        }
        let mut tracee = Tracee::new(pid, process, leader, state);
        let made_by = maker.and_then(|maker| self.tasks.get(&maker));
        tracee.left_alone = made_by.is_some_and(|maker| maker.left_alone);
        if maker.is_none() || self.may_be_nested {
            let ids = tracee.look.ids();
            self.may_be_nested |= ids.len() > 1;
            self.names.set(&ids, task);
        } else {
            self.names.set(&[pid], task);
        }
        self.tasks.insert(task, tracee);
        self.by_pid.insert(pid, task);
        task
    }

    /// A task has made another one, which exists from this moment.
    pub(crate) fn made(&mut self, maker: Task, vfork: bool) {
        let Some(tracee) = self.tasks.get(&maker) else { return };
        let Some(pid) = ptrace::has_made(tracee.pid) else {
            // It was killed since. What it has made is told when it stops once more.
            return self.set_state(maker, State::Ends);
        };
        if !self.by_pid.contains_key(&pid) {
            self.born(maker, pid, vfork);
        }
    }

    /// A task that another one has made is told.
    pub(crate) fn born(&mut self, maker: Task, pid: Pid, vfork: bool) {
        let Some(tracee) = self.tasks.get(&maker) else { return };
        let flags = tracee.call.as_ref().map_or(0, |call| call.flags);
        let process = tracee.process;
        self.may_be_nested |= flags & libc::CLONE_NEWPID as u64 != 0;
        let thread_of = (flags & libc::CLONE_THREAD as u64 != 0).then_some(process);
        let shares_files = flags & libc::CLONE_FILES as u64 != 0;
        let child = self.new_task(pid, Some(maker), thread_of);
        let sibling = flags & libc::CLONE_PARENT as u64 != 0 && thread_of.is_none();
        if sibling {
            self.has_its_maker_s_parent(child, process);
        }
        let may_share = shares_files || thread_of.is_some();
        let in_motion = self.is_in_motion(maker) && !may_share;
        self.may_share_table(process, thread_of.unwrap_or(child), may_share);
        if thread_of.is_none() {
            self.lines.forked(process, child);
        }
        self.tell(
            child,
            What::Born {
                parent: maker,
                process: thread_of.unwrap_or(child),
                shares_files,
                maker_waits: vfork,
                sibling,
            },
        );
        self.tell_pidfd(maker, child);
        let known = self.strangers.remove(&pid);
        // Who is gone does not stop: if somebody does, the id was used again.
        let first = match known {
            None | Some(Stop::Gone(_)) => ptrace::next(Some(pid), true).ok().flatten(),
            Some(_) => None,
        };
        match first.map(|(_, stop)| stop).or(known) {
            Some(Stop::Trap) | None => (),
            Some(stop) => self.stopped(child, stop),
        }
        // It has not run yet.
        if in_motion && self.tasks.contains_key(&child) {
            self.tell_table(child);
        }
        if self.options.policy == crate::Policy::Free {
            self.let_run(child);
        }
    }

    /// With CLONE_PIDFD, the maker has a descriptor of what it has made, before its call returns.
    fn tell_pidfd(&mut self, maker: Task, of: Task) {
        let Some((pid, call)) =
            self.tasks.get(&maker).and_then(|it| Some((it.pid, it.call.as_ref()?)))
        else {
            return;
        };
        if call.flags & libc::CLONE_PIDFD as u64 != 0
            && let Some(number) = memory::int(pid, call.args[2])
        {
            self.tell(maker, What::Pidfd { number, of });
        }
    }
}
