//! How processes and threads begin, become other programs, end, and are reaped.

use super::files::{Kind, Slot, Table};
use super::task::{Activity, Process, Thread, program};
use super::{Arguments, Change, Model};
use crate::event::{Disposition, Outcome, Status, Task};
use crate::names::SIGCHLD;

impl Model {
    pub(super) fn begins(&mut self, task: Task, argv: &[String]) {
        if !self.threads.is_empty() {
            self.expect("expected one beginning".into());
        }
        let mut table = Table { guessed: true, ..Table::default() };
        for (fd, name) in (0..).zip(["standard input", "standard output", "standard error"]) {
            let flags = if fd == 0 { 0 } else { 1 };
            let description = self.describe(Kind::Outside(name.into()), flags);
            table.slots.insert(fd, Slot { description, close_on_exec: false });
        }
        let table = self.new_table(table);
        self.threads.insert(task, Thread::new(task, table));
        let name = argv.first().map_or_else(String::new, |path| program(path));
        self.processes.insert(task, Process::new(None, name));
    }

    pub(super) fn born(
        &mut self,
        task: Task,
        parent: Task,
        process: Task,
        shares_files: bool,
        maker_waits: bool,
    ) {
        if self.threads.contains_key(&task) {
            self.expect(format!("expected {task} to be born once"));
            return;
        }
        let Some(maker) = self.threads.get_mut(&parent) else {
            self.expect(format!("expected that {parent} was there before its child"));
            return;
        };
        let lives = maker.lives();
        match &mut maker.call {
            Some(call) => {
                call.made = Some(task);
                call.waits_for_made = maker_waits;
            }
            // Another thread's exec has ended it in the middle of its fork.
            None if !lives => {}
            None => self.expect(format!("expected {parent} to be in a call that makes {task}")),
        }
        let Some(maker) = self.threads.get(&parent) else { return };
        let (mask, handlers, family) = (maker.mask.clone(), maker.handlers.clone(), maker.process);
        let table = if shares_files {
            maker.table
        } else {
            let mut copy = self.table(parent).cloned().unwrap_or_default();
            // That exec may have closed some of them since.
            copy.guessed |= !lives;
            copy.unsure = self.others_change(parent).then_some(parent);
            self.new_table(copy)
        };
        // What is pending stays with the parent; what is blocked is blocked in both.
        let handlers = if process == task { handlers } else { Vec::new() };
        let thread = Thread { mask, handlers, ..Thread::new(process, table) };
        self.threads.insert(task, thread);
        if process == task {
            let (name, actions) = self
                .processes
                .get(&family)
                .map(|maker| (maker.name.clone(), maker.actions.clone()))
                .unwrap_or_default();
            let child = Process { actions, ..Process::new(Some(family), name) };
            self.processes.insert(task, child);
        }
    }

    /// CLONE_PARENT.
    pub(super) fn has_its_maker_s_parent(&mut self, task: Task, maker: Task) {
        let parent = self.processes.get(&self.process_of(maker)).and_then(|maker| maker.parent);
        if let Some(process) = self.processes.get_mut(&task) {
            process.parent = parent;
        }
    }

    pub(super) fn exec(&mut self, task: Task, path: &str) {
        let process = self.process_of(task);
        let others: Vec<Task> = self.threads_of(process).filter(|other| *other != task).collect();
        for other in others {
            if let Some(thread) = self.threads.get_mut(&other) {
                thread.activity = Activity::Ended(Status::Code(0));
                thread.call = None;
            }
        }
        self.unshare(task);
        let closed: Vec<i32> = self
            .table(task)
            .map(|table| {
                table
                    .slots
                    .iter()
                    .filter(|(_, slot)| slot.close_on_exec)
                    .map(|(fd, _)| *fd)
                    .collect()
            })
            .unwrap_or_default();
        closed.into_iter().for_each(|fd| self.close(task, fd));
        if let Some(thread) = self.threads.get_mut(&task) {
            thread.activity = Activity::Running;
            thread.handlers.clear();
        }
        if let Some(process) = self.processes.get_mut(&process) {
            process.name = program(path);
            // A handler's code is gone; what is ignored stays ignored.
            process.actions.retain(|_, action| action.disposition == Disposition::Ignore);
        }
        self.lets_go_on(task);
    }

    /// A table of its own, with the same in it.
    pub(super) fn unshare(&mut self, task: Task) {
        let Some(id) = self.threads.get(&task).map(|thread| thread.table) else { return };
        let sharers = self.threads.values().filter(|thread| thread.lives() && thread.table == id);
        if sharers.count() > 1 {
            let copy = self.table(task).cloned().unwrap_or_default();
            let table = self.new_table(copy);
            if let Some(thread) = self.threads.get_mut(&task) {
                thread.table = table;
            }
        }
    }

    pub(super) fn ended(&mut self, task: Task, status: Status) {
        let Some(thread) = self.threads.get_mut(&task) else { return };
        // The other threads were ended by one's exec, which was told as a whole.
        if !thread.lives() {
            if self.processes.get(&task).is_some_and(|process| process.status.is_some()) {
                self.expect(format!("expected {task} to end once"));
            }
            return;
        }
        thread.activity = Activity::Ended(status);
        let (call, table, process) = (thread.call.take(), thread.table, thread.process);
        // The kernel puts a signal back that it was about to deliver, and tells the process again.
        if thread.takes == Some(SIGCHLD)
            && let Some(process) = self.processes.get_mut(&process)
        {
            process.news += 1;
        }
        if let Some(call) = call {
            self.abandon(task, &call);
            // What it was doing may be done, and is not told.
            let (free, table) = (self.free, self.tables.get_mut(&table));
            if let Some(table) = table.filter(|_| free) {
                table.unsure = Some(task);
            }
        }
        self.drop_table(table);
        self.lets_go_on(task);
        if self.threads_of(process).next().is_none() {
            self.process_ended(process, status);
        }
    }

    fn process_ended(&mut self, process: Task, status: Status) {
        let Some(ended) = self.processes.get_mut(&process) else { return };
        ended.status = Some(status);
        ended.stopped = None;
        let parent = ended.parent;
        if let Some(parent) = parent.and_then(|parent| self.processes.get_mut(&parent)) {
            parent.news += 1;
        }
        let heir = self.heir(parent);
        let mut zombies = 0;
        for (task, child) in &mut self.processes {
            if child.parent != Some(process) {
                continue;
            }
            child.parent = heir;
            if child.status.is_none() {
                self.changes.push(Change::Adopted(*task, heir));
            }
            zombies += u32::from(child.status.is_some() && !child.reaped);
        }
        // A zombie is handed on too, and its new parent is told.
        if let Some(heir) = heir.and_then(|heir| self.processes.get_mut(&heir)) {
            heir.news += zombies;
        }
    }

    /// Who adopts: the next above that has asked for it.
    fn heir(&self, mut above: Option<Task>) -> Option<Task> {
        while let Some(task) = above {
            let process = self.processes.get(&task)?;
            if process.subreaper && process.status.is_none() {
                return Some(task);
            }
            above = process.parent;
        }
        None
    }

    /// Its maker need not wait any more: `vfork(2)`.
    fn lets_go_on(&mut self, task: Task) {
        for thread in self.threads.values_mut() {
            if let Some(call) = &mut thread.call
                && call.made == Some(task)
            {
                call.waits_for_made = false;
            }
        }
    }

    pub(super) fn reaped(&mut self, task: Task, by: Option<Task>) {
        let process = self.process_of(task);
        let by = by.map(|by| self.process_of(by));
        let Some(found) = self.processes.get_mut(&process) else { return };
        let (ended, twice, parent) = (found.status.is_some(), found.reaped, found.parent);
        found.reaped = true;
        if !ended {
            self.expect(format!("expected {process} to end before it is reaped"));
        } else if twice {
            self.expect(format!("expected {process} to be reaped once"));
        } else if let (Some(by), Some(parent)) = (by, parent)
            && by != parent
        {
            self.expect(format!("expected {parent}, its parent, to reap {process}"));
        }
    }

    /// `wait4` tells of an end only after it.
    pub(super) fn waited(&mut self, arguments: &Arguments<'_>, result: &Outcome) {
        let Outcome::Task(child) = result else { return };
        let child = self.process_of(*child);
        let Some(told) = arguments.status() else { return };
        match self.processes.get(&child).and_then(|child| child.status) {
            None => self.expect(format!("expected {child} to end before anybody is told how")),
            Some(status) if status != told => {
                self.expect(format!("expected {child} to have ended by {status:?}, not {told:?}"));
            }
            Some(_) => {}
        }
    }

    /// The threads of a process that have not ended.
    pub fn threads_of(&self, process: Task) -> impl Iterator<Item = Task> {
        let threads = self.threads.iter();
        threads
            .filter(move |(_, thread)| thread.process == process && thread.lives())
            .map(|(task, _)| *task)
    }
}
