//! Locks on files: those of flock(2), and those of fcntl(2). Neither kind knows of the other.

use super::files::{Holder, Kind};
use super::{Arguments, Model, OpenCall};
use crate::event::Task;

const LOCK_SH: u64 = 1;
const LOCK_EX: u64 = 2;
const LOCK_NB: u64 = 4;
const LOCK_UN: u64 = 8;
const F_SETLK: i64 = 6;
const F_SETLKW: i64 = 7;
const F_OFD_SETLK: i64 = 37;
const F_OFD_SETLKW: i64 = 38;

/// A lock, held or asked for.
#[derive(Debug, Clone)]
pub(super) struct Lock {
    owner: Owner,
    file: String,
    /// Made by flock(2).
    whole: bool,
    /// `None`: unlocked.
    exclusive: Option<bool>,
    from: i64,
    /// The first byte that is not locked any more.
    to: i64,
}

/// Whose a lock is: whoever reaches it may release it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Owner {
    Description(u32),
    /// A process, to the kernel, is here its descriptor table.
    Table(u32),
}

impl Lock {
    fn is_in_the_way_of(&self, asked: &Self) -> bool {
        let both_read = self.exclusive == Some(false) && asked.exclusive == Some(false);
        self.is_beside(asked) && self.owner != asked.owner && !both_read
    }

    /// Whether it is of the same kind, and about some of the same bytes.
    fn is_beside(&self, other: &Self) -> bool {
        self.whole == other.whole
            && self.file == other.file
            && self.from < other.to
            && other.from < self.to
    }

    /// What is left of it where another one takes its place: what lies before, and what lies behind.
    fn without(self, other: &Self) -> Vec<Self> {
        if self.owner != other.owner || !self.is_beside(other) {
            return vec![self];
        }
        let before = Self { to: other.from, ..self.clone() };
        let behind = Self { from: other.to, ..self };
        [before, behind].into_iter().filter(|rest| rest.from < rest.to).collect()
    }
}

impl Model {
    /// What a call on a file's descriptor asks for.
    fn asked_lock(&self, task: Task, name: &str, arguments: &Arguments<'_>) -> Option<Lock> {
        let slot = self.slot(task, arguments.fd(0)?)?;
        let Kind::File(file) = &self.descriptions.get(&slot.description)?.kind else { return None };
        // Such a name says nothing of which file it is.
        if file.starts_with("memory:") {
            return None;
        }
        let file = file.clone();
        let description = Owner::Description(slot.description);
        if name == "flock" {
            let exclusive = match arguments.flags(1) & !LOCK_NB {
                LOCK_SH => Some(false),
                LOCK_EX => Some(true),
                LOCK_UN => None,
                _ => return None,
            };
            let (whole, from, to) = (true, 0, i64::MAX);
            return Some(Lock { owner: description, file, whole, exclusive, from, to });
        }
        let owner = match arguments.number(1).filter(|_| name == "fcntl")? {
            F_SETLK | F_SETLKW => Owner::Table(self.threads.get(&task)?.table),
            F_OFD_SETLK | F_OFD_SETLKW => description,
            _ => return None,
        };
        let (exclusive, from, to) = arguments.lock()?;
        Some(Lock { owner, file, whole: false, exclusive, from, to })
    }

    /// A call has locked, or unlocked, what it was asked for.
    pub(super) fn locks_files(&mut self, task: Task, name: &str, arguments: &Arguments<'_>) {
        let Some(lock) = self.asked_lock(task, name, arguments) else { return };
        self.unlock(&lock);
        if lock.exclusive.is_some() {
            self.locks.push(lock);
        }
    }

    /// flock(2) lets go of what it had before it waits for more, or fails.
    pub(super) fn gives_lock_up(&mut self, task: Task, call: &OpenCall) {
        let asked = self.asked_lock(task, &call.name, &Arguments(&call.arguments));
        if let Some(lock) = asked.filter(|lock| lock.whole) {
            self.unlock(&lock);
        }
    }

    fn unlock(&mut self, lock: &Lock) {
        let held = std::mem::take(&mut self.locks);
        self.locks = held.into_iter().flat_map(|other| other.without(lock)).collect();
    }

    /// With an open file description, its locks are gone.
    pub(super) fn unlock_description(&mut self, description: u32) {
        self.locks.retain(|lock| lock.owner != Owner::Description(description));
    }

    /// A process loses its locks on a file when it closes any descriptor of it; `None`: on all files.
    pub(super) fn unlock_table(&mut self, table: u32, closed: Option<&Kind>) {
        let is_closed = |lock: &Lock| match closed {
            Some(Kind::File(file)) => lock.file == *file,
            Some(_) => false,
            None => true,
        };
        self.locks.retain(|lock| lock.owner != Owner::Table(table) || !is_closed(lock));
    }

    /// Who holds what a call waits for: a lock on a file.
    pub(crate) fn in_the_way(&self, task: Task, call: &OpenCall) -> Vec<Holder> {
        let asked = self.asked_lock(task, &call.name, &Arguments(&call.arguments));
        let held = self
            .locks
            .iter()
            .filter(|lock| asked.as_ref().is_some_and(|asked| lock.is_in_the_way_of(asked)));
        let mut holders: Vec<Holder> = Vec::new();
        for lock in held {
            let found = match lock.owner {
                Owner::Description(description) => self.reaches(|id| *id == description),
                Owner::Table(table) => {
                    let mut owners = self
                        .threads
                        .iter()
                        .filter(|(_, thread)| thread.table == table && thread.lives());
                    owners
                        .next()
                        .map(|(_, thread)| Holder::Process(thread.process))
                        .into_iter()
                        .collect()
                }
            };
            holders.extend(
                found.into_iter().filter(|holder| !holders.contains(holder)).collect::<Vec<_>>(),
            );
        }
        holders
    }
}
