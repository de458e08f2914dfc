//! Calls whose effect others have seen before they returned: threads that change one descriptor table at the same time.
//!
//! What a call does happens at some moment between its beginning and its return, and only the return says which
//! number it was given. If another thread's call, which has returned meanwhile, has closed, replaced or copied that number, then
//! the moment came before that one's. This is kept with the calls that are still open, until they return.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

use super::Model;
use super::files::Slot;
use crate::event::Task;

/// What others have done since a call has begun, to numbers that it may have been given before.
#[derive(Debug, Clone, Default)]
pub(super) struct Early {
    /// Closed, and were open: nobody but such a call can have opened them.
    closed: BTreeSet<i32>,
    /// Made to lead elsewhere.
    replaced: BTreeSet<i32>,
    /// Closed, if they were open.
    swept: Vec<RangeInclusive<i32>>,
    /// Copied: what they lead to.
    copied: BTreeMap<i32, u32>,
    /// Copied, to these numbers: before the call has changed them, or after that.
    copies: Vec<(i32, i32)>,
}

/// Calls that may be given a number.
const OPEN: [&str; 34] = [
    "accept",
    "accept4",
    "creat",
    "dup",
    "dup2",
    "dup3",
    "epoll_create",
    "epoll_create1",
    "eventfd",
    "eventfd2",
    "fanotify_init",
    "fcntl",
    "inotify_init",
    "inotify_init1",
    "io_uring_setup",
    "ioctl",
    "landlock_create_ruleset",
    "memfd_create",
    "memfd_secret",
    "mq_open",
    "open",
    "openat",
    "openat2",
    "pidfd_getfd",
    "pidfd_open",
    "pipe",
    "pipe2",
    "recvmsg",
    "signalfd",
    "signalfd4",
    "socket",
    "socketpair",
    "timerfd_create",
    "userfaultfd",
];

impl Model {
    /// What others' open calls, which may be given numbers in a task's table, know of that. Where one runs at a time,
    /// there are none.
    fn open_calls(&mut self, task: Task) -> impl Iterator<Item = &mut Early> {
        let (free, table) = (self.free, self.threads.get(&task).map(|thread| thread.table));
        let others = self.threads.iter_mut().filter(move |(other, thread)| {
            free && **other != task && thread.lives() && Some(thread.table) == table
        });
        let calls = others.filter_map(|(_, thread)| thread.call.as_mut());
        let calls = calls.filter(|call| !call.not_made && OPEN.contains(&call.name.as_str()));
        calls.map(|call| &mut call.early)
    }

    /// A number was closed that nobody is known to have opened. Returns whether a call that has not returned may have.
    pub(super) fn closed_early(&mut self, task: Task, fd: i32) -> bool {
        self.open_calls(task).fold(false, |_, early| {
            early.closed.insert(fd);
            true
        })
    }

    /// A number leads elsewhere now, whatever it led to.
    pub(super) fn replaced_early(&mut self, task: Task, fd: i32) {
        self.open_calls(task).for_each(|early| _ = early.replaced.insert(fd));
    }

    /// All these numbers are closed now.
    pub(super) fn swept_early(&mut self, task: Task, numbers: &RangeInclusive<i32>) {
        self.open_calls(task).for_each(|early| early.swept.push(numbers.clone()));
    }

    /// A number was copied that nobody is known to have opened: what it leads to is said by the return of a call that has.
    pub(super) fn copied_early(&mut self, task: Task, fd: i32) -> Option<Slot> {
        let known = self.open_calls(task).find_map(|early| early.copied.get(&fd).copied());
        if self.open_calls(task).next().is_none() && !self.is_doubtful(task, fd) {
            return None;
        }
        let description = known.unwrap_or_else(|| self.describe_unknown());
        self.leads_early(task, fd, description);
        Some(Slot { description, close_on_exec: false })
    }

    /// A number was copied to another one, and calls that have not returned may have changed it before, or change it now.
    pub(super) fn copied_in_doubt(&mut self, task: Task, fd: i32, new: i32) {
        let doubtful = self.is_doubtful(task, fd);
        self.open_calls(task).for_each(|early| early.copies.push((fd, new)));
        if let Some(table) = self.table_mut(task).filter(|_| doubtful) {
            table.doubtful.insert(new);
        }
    }

    /// A number was found to lead to this, before any call has returned that says so.
    pub(super) fn leads_early(&mut self, task: Task, fd: i32, description: u32) {
        self.open_calls(task).for_each(|early| _ = early.copied.insert(fd, description));
    }

    /// What a number leads to that the returning call was given: others may have seen that already, and then it is that.
    pub(super) fn known_early(&mut self, fd: i32, description: u32) {
        let known = self.early.copied.remove(&fd).filter(|known| *known != description);
        let Some((known, seen)) = known.and_then(|id| Some((id, self.descriptions.remove(&id)?)))
        else {
            return;
        };
        for table in self.tables.values_mut() {
            let slots = table.slots.values_mut().filter(|slot| slot.description == known);
            slots.for_each(|slot| slot.description = description);
        }
        let Some(found) = self.descriptions.get_mut(&description) else { return };
        match (found.kind.pipe(), seen.kind.pipe()) {
            // Bytes may have gone through it.
            (Some(new), Some(seen_as)) if new != seen_as => {
                found.kind = seen.kind;
                self.pipes.remove(&new);
            }
            _ => self.bound.is_now(&seen.kind, &found.kind),
        }
    }

    /// Whether what the returning call has done to a number was undone before it returned.
    pub(super) fn is_undone(&mut self, task: Task, fd: i32) -> bool {
        let closed = self.early.closed.remove(&fd);
        let replaced = self.early.replaced.remove(&fd) && self.slot(task, fd).is_some();
        if closed {
            self.open_calls(task).for_each(|early| _ = early.closed.remove(&fd));
        }
        closed || replaced
    }

    /// The returning call has changed what a number leads to. If another thread's has done so since it has begun, nobody knows
    /// which one was the last.
    pub(super) fn has_changed(&mut self, task: Task, fd: i32) {
        let (together, now) = (self.changed_together(task, fd), self.next_step);
        let doubtful = together || self.early.swept.iter().any(|numbers| numbers.contains(&fd));
        let free = self.free;
        let copies = self.early.copies.iter().filter(|(from, _)| *from == fd);
        let copies: Vec<_> = copies.map(|(_, to)| *to).collect();
        let Some(table) = self.table_mut(task).filter(|_| free) else { return };
        table.changed.insert(fd, (task, now));
        table.doubtful.extend(copies);
        match doubtful {
            true => table.doubtful.insert(fd),
            false => table.doubtful.remove(&fd),
        };
    }

    fn changed_together(&self, task: Task, fd: i32) -> bool {
        let last = self.table(task).and_then(|table| table.changed.get(&fd));
        last.is_some_and(|&(other, at)| other != task && at > self.since)
    }

    /// Whether nobody knows if a number was open when the returning call came to it.
    pub(super) fn is_doubtful(&self, task: Task, fd: i32) -> bool {
        let doubtful = self.table(task).is_some_and(|table| table.doubtful.contains(&fd));
        doubtful || self.free && self.changed_together(task, fd)
    }

    /// Whether other threads' calls may have changed a task's table while it was in its own, before or after that one's effect.
    pub(super) fn others_change(&self, task: Task) -> bool {
        let Some(thread) = self.threads.get(&task) else { return false };
        let since = thread.call.as_ref().map_or(u64::MAX, |call| call.since);
        let mut others = self.threads.iter().filter(|(other, it)| {
            **other != task && it.lives() && it.table == thread.table && it.call.is_some()
        });
        let changed = self.table(task).is_some_and(|table| {
            table.changed.values().any(|&(other, at)| other != task && at > since)
        });
        self.free && (changed || others.next().is_some())
    }

    /// A call has returned. What others have closed, and nobody can have opened now, was not open.
    pub(super) fn has_explained(&mut self, task: Task) {
        for fd in std::mem::take(&mut self.early).closed {
            if !self.open_calls(task).any(|early| early.closed.contains(&fd)) {
                self.expect(format!("expected EBADF: descriptor {fd} was not open"));
            }
        }
    }
}
