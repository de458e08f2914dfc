//! Descriptor tables: what opens, closes and copies numbers, and who holds what.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::files::{Description, Holder, Kind, Slot, Table};
use super::{Change, Model};
use crate::event::Task;

impl Model {
    /// A task's descriptor table.
    #[must_use]
    pub fn table(&self, task: Task) -> Option<&Table> {
        self.tables.get(&self.threads.get(&task)?.table)
    }

    /// What a task's descriptor leads to.
    #[must_use]
    pub fn slot(&self, task: Task, fd: i32) -> Option<Slot> {
        self.table(task)?.slots.get(&fd).copied()
    }

    /// The open file description behind a task's descriptor.
    #[must_use]
    pub fn description(&self, task: Task, fd: i32) -> Option<&Description> {
        self.descriptions.get(&self.slot(task, fd)?.description)
    }

    /// What kind of thing a task's descriptor leads to.
    #[must_use]
    pub fn kind(&self, task: Task, fd: i32) -> Option<&Kind> {
        self.description(task, fd).map(|description| &description.kind)
    }

    /// Everybody who can reach an open file description of that kind, except who is about to let go.
    #[must_use]
    pub fn holders(&self, kind: &Kind) -> Vec<Holder> {
        self.reaches(|id| self.descriptions.get(id).is_some_and(|found| found.kind.is(kind)))
    }

    /// Everybody who can reach one of some open file descriptions.
    pub(super) fn reaches(&self, is: impl Fn(&u32) -> bool) -> Vec<Holder> {
        let mut holders = Vec::new();
        for (owner, table) in self.owners(|_| true) {
            for (fd, slot) in &table.slots {
                if is(&slot.description) {
                    holders.push(Holder::Descriptor(owner, *fd));
                }
            }
        }
        for (number, socket) in &self.sockets {
            if socket.in_flight.iter().any(|(_, message)| message.iter().any(&is)) {
                holders.push(Holder::InFlight(*number));
            }
        }
        holders
    }

    /// How many descriptors lead to the write ends of a pipe.
    #[must_use]
    pub fn writers(&self, pipe: u32) -> usize {
        self.holders(&Kind::WriteEnd(pipe)).len()
    }

    /// How many descriptors lead to the read ends of a pipe.
    #[must_use]
    pub fn readers(&self, pipe: u32) -> usize {
        self.holders(&Kind::ReadEnd(pipe)).len()
    }

    /// Whether somebody holds it who is not just letting go of it.
    pub(crate) fn held_firmly(&self, kind: &Kind) -> bool {
        let is = |id: &u32| self.descriptions.get(id).is_some_and(|found| found.kind.is(kind));
        let firm = |task| !self.threads.get(&task).is_some_and(super::Thread::lets_go);
        let tables = self.owners(firm);
        tables.iter().any(|(_, table)| table.slots.values().any(|slot| is(&slot.description)))
    }

    /// Each table once, with the first living task that has it.
    fn owners(&self, counts: impl Fn(Task) -> bool) -> Vec<(Task, &Table)> {
        let mut seen = BTreeSet::new();
        let living = self.threads.iter().filter(|(task, thread)| thread.lives() && counts(**task));
        living
            .filter(|(_, thread)| seen.insert(thread.table))
            .filter_map(|(task, thread)| Some((*task, self.tables.get(&thread.table)?)))
            .collect()
    }

    pub(super) fn describe(&mut self, kind: Kind, flags: u64) -> u32 {
        self.last_description += 1;
        let description =
            Description { kind, flags, watches: BTreeMap::new(), signals: BTreeSet::new() };
        self.descriptions.insert(self.last_description, description);
        self.last_description
    }

    /// What it is, somebody else's call will say when it returns.
    pub(super) fn describe_unknown(&mut self) -> u32 {
        self.describe(Kind::Other("what is just being opened".into()), 0)
    }

    /// A number leads to a description from now on. It must have been free.
    pub(super) fn install(&mut self, task: Task, fd: i32, description: u32, close_on_exec: bool) {
        self.known_early(fd, description);
        if self.is_undone(task, fd) {
            return self.release(description);
        }
        let doubtful = self.is_doubtful(task, fd);
        self.has_changed(task, fd);
        if let Some(kind) = self.kind(task, fd).cloned() {
            let guessed = fd <= 2 && self.table(task).is_some_and(|table| table.guessed);
            if !guessed && !doubtful && !self.being_closed(task, fd) {
                let what = self.name(&kind);
                self.expect(format!("expected another number than {fd}, which is open ({what})"));
            }
            self.close(task, fd);
        }
        let Some(kind) = self.descriptions.get(&description).map(|found| found.kind.clone()) else {
            return;
        };
        if let Some(table) = self.table_mut(task) {
            table.slots.insert(fd, Slot { description, close_on_exec });
            self.changes.push(Change::Opened(fd, kind));
        }
    }

    /// A new description, and the number that leads to it.
    pub(super) fn open(&mut self, task: Task, fd: i64, kind: Kind, flags: u64, cloexec: bool) {
        let description = self.describe(kind, flags);
        self.install(task, fd as i32, description, cloexec);
    }

    pub(super) fn close(&mut self, task: Task, fd: i32) {
        let Some(slot) = self.table_mut(task).and_then(|table| table.slots.remove(&fd)) else {
            return;
        };
        if let Some(kind) = self.descriptions.get(&slot.description).map(|found| found.kind.clone())
        {
            if let Some(table) = self.threads.get(&task).map(|thread| thread.table) {
                self.unlock_table(table, Some(&kind));
            }
            self.changes.push(Change::Closed(fd, kind));
        }
        self.release(slot.description);
    }

    pub(super) fn table_mut(&mut self, task: Task) -> Option<&mut Table> {
        let table = self.threads.get(&task)?.table;
        self.tables.get_mut(&table)
    }

    pub(super) fn new_table(&mut self, table: Table) -> u32 {
        self.last_table += 1;
        self.tables.insert(self.last_table, table);
        self.last_table
    }

    /// Lets go of a table that nobody has any more.
    pub(super) fn drop_table(&mut self, id: u32) {
        if self.threads.values().any(|thread| thread.lives() && thread.table == id) {
            return;
        }
        self.unlock_table(id, None);
        for (fd, slot) in self.tables.remove(&id).unwrap_or_default().slots {
            if let Some(found) = self.descriptions.get(&slot.description) {
                self.changes.push(Change::Closed(fd, found.kind.clone()));
            }
            self.release(slot.description);
        }
    }

    /// Another thread is just closing this number, and that was seen before its call has returned.
    fn being_closed(&mut self, task: Task, fd: i32) -> bool {
        let Some(id) = self.threads.get(&task).map(|thread| thread.table) else { return false };
        for thread in self.threads.values_mut().filter(|thread| thread.table == id) {
            if let Some(call) = &mut thread.call
                && call.name == "close"
                && super::Arguments(&call.arguments).fd(0) == Some(fd)
            {
                call.done = true;
                return true;
            }
        }
        false
    }

    /// A description goes away with the last one who can reach it, and a socket with it.
    pub(super) fn release(&mut self, description: u32) {
        let mut tables = self.tables.values().flat_map(|table| table.slots.values());
        let mut flying = self.sockets.values().flat_map(|socket| &socket.in_flight);
        if tables.any(|slot| slot.description == description)
            || flying.any(|(_, message)| message.contains(&description))
        {
            return;
        }
        let Some(gone) = self.descriptions.remove(&description) else { return };
        self.unlock_description(description);
        for other in self.descriptions.values_mut() {
            other.watches.retain(|_, watched| *watched != description);
        }
        if let Some(pipe) = gone.kind.pipe() {
            self.empties_named(pipe);
        }
        if let Kind::Socket(number) = gone.kind
            && let Some(socket) = self.sockets.get_mut(&number)
        {
            (socket.closed, socket.sends_no_more) = (true, true);
            let messages = std::mem::take(&mut socket.in_flight);
            // Nobody has accepted them: they end with their listener.
            for waiting in std::mem::take(&mut socket.queue) {
                if let Some(waiting) = self.sockets.get_mut(&waiting) {
                    (waiting.closed, waiting.sends_no_more) = (true, true);
                }
            }
            messages.into_iter().for_each(|(_, message)| self.release_all(message));
        }
    }

    pub(super) fn release_all(&mut self, descriptions: impl IntoIterator<Item = u32>) {
        let all: VecDeque<u32> = descriptions.into_iter().collect();
        all.into_iter().for_each(|description| self.release(description));
    }

    /// What a task's descriptor leads to, in a few words: `standard output`, where that was never
    /// led anywhere else.
    #[must_use]
    pub fn name_of(&self, task: Task, fd: i32) -> Option<String> {
        let slot = self.slot(task, fd)?;
        let kind = &self.descriptions.get(&slot.description)?.kind;
        let standard = ["standard input", "standard output", "standard error"];
        let name = usize::try_from(fd).ok().and_then(|fd| standard.get(fd));
        let name = name.filter(|_| self.inherited.contains(&slot.description));
        Some(name.map_or_else(|| self.name(kind), |name| (*name).to_owned()))
    }

    /// A description in a few words: `the write end of pipe 1`, `socket 2`.
    #[must_use]
    pub fn name(&self, kind: &Kind) -> String {
        match kind {
            Kind::ReadEnd(number) => format!("the read end of {}", self.pipe_name(*number)),
            Kind::WriteEnd(number) => format!("the write end of {}", self.pipe_name(*number)),
            Kind::BothEnds(number) => format!("both ends of {}", self.pipe_name(*number)),
            Kind::Socket(number) => format!("socket {number}"),
            Kind::File(path) | Kind::Outside(path) | Kind::Other(path) => path.clone(),
            Kind::Epoll => "an epoll instance".into(),
            Kind::EventFd(number) => format!("eventfd {number}"),
            Kind::SignalFd => "a signalfd".into(),
            Kind::TimerFd => "a timerfd".into(),
            Kind::PidFd(Some(task)) => format!("a pidfd of {task}"),
            Kind::PidFd(None) => "a pidfd".into(),
        }
    }

    /// `pipe 1`, `pipe 2 (/tmp/fifo)`.
    pub(crate) fn pipe_name(&self, number: u32) -> String {
        match self.pipes.get(&number).and_then(|pipe| pipe.path.as_deref()) {
            Some(path) => format!("pipe {number} ({path})"),
            None => format!("pipe {number}"),
        }
    }
}
