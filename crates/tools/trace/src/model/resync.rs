//! What /proc says of a descriptor table, against what the model knows.

use std::collections::{BTreeMap, BTreeSet};

use super::channel::Channel;
use super::files::{Kind, Slot, Socket, Table};
use super::{Change, Model};
use crate::event::{Descriptor, Task};
use crate::names::{O_ACCMODE, O_APPEND, O_NONBLOCK};

/// The status flags that say something to a reader of a picture.
const FLAGS: u64 = O_ACCMODE | O_APPEND | O_NONBLOCK;

/// Which of the recorder's numbers are which of the model's.
#[derive(Debug, Clone, Default)]
pub(super) struct Bound {
    descriptions: BTreeMap<u32, u32>,
    names: BTreeMap<String, Kind>,
}

impl Bound {
    /// Descriptions are numbered anew in each moment; names stay.
    pub(super) fn moment_is_over(&mut self) {
        self.descriptions.clear();
    }

    /// What was taken for one thing is known to be another.
    pub(super) fn is_now(&mut self, old: &Kind, new: &Kind) {
        let names = self.names.values_mut().filter(|kind| *kind == old);
        names.for_each(|kind| kind.clone_from(new));
    }
}

impl Model {
    /// How a task's descriptors differ from what the model says; empty: they don't, and from now on
    /// these numbers of descriptions and names of pipes stand for what they stood for here.
    pub fn compare(&mut self, task: Task, found: &[Descriptor]) -> Vec<String> {
        let Some(table) = self.table(task) else { return vec![format!("{task} has no table")] };
        let mut differences = Vec::new();
        let mut bound = self.bound.clone();
        let certain = |fd: &i32| !table.doubtful.contains(fd);
        for row in found.iter().filter(|row| certain(&row.number)) {
            match table.slots.get(&row.number) {
                None => differences.push(format!(
                    "descriptor {} is open ({}); the model has it closed",
                    row.number, row.leads_to
                )),
                Some(slot) => differences.extend(self.compare_row(*slot, row, &mut bound)),
            }
        }
        let there: BTreeSet<i32> = found.iter().map(|row| row.number).collect();
        let missing = |fd: &i32| !there.contains(fd) && certain(fd);
        for (fd, slot) in table.slots.iter().filter(|(fd, _)| missing(fd)) {
            let what = self.descriptions.get(&slot.description);
            let name = what.map_or_else(String::new, |found| self.name(&found.kind));
            differences.push(format!("descriptor {fd} is closed; the model has {name}"));
        }
        if differences.is_empty() {
            self.bound = bound;
        }
        differences
    }

    fn compare_row(&self, slot: Slot, row: &Descriptor, bound: &mut Bound) -> Vec<String> {
        let Some(known) = self.descriptions.get(&slot.description) else { return Vec::new() };
        let mut differences = Vec::new();
        let fd = row.number;
        if slot.close_on_exec != row.close_on_exec {
            let (is, not) = if row.close_on_exec { ("is", "not") } else { ("is not", "so") };
            differences.push(format!("descriptor {fd} {is} close-on-exec; the model has it {not}"));
        }
        let (flags, model) = (u64::from(row.flags) & FLAGS, known.flags & FLAGS);
        if flags != model && !(self.free && self.is_shared(slot.description)) {
            differences.push(format!("descriptor {fd} has the flags {flags:#o}, not {model:#o}"));
        }
        let alike = *bound.descriptions.entry(row.description).or_insert(slot.description);
        let others = bound.descriptions.values().filter(|other| **other == slot.description);
        if alike != slot.description || others.count() > 1 {
            differences.push(format!(
                "descriptor {fd} leads to open file description {}; the model has another one",
                row.description
            ));
        }
        if !self.is_named(&known.kind, &row.leads_to, bound) {
            let name = self.name(&known.kind);
            differences.push(format!("descriptor {fd} leads to {}, not to {name}", row.leads_to));
        }
        differences
    }

    /// Whether others have this description too: in free order, they may have changed its flags, and not said so yet.
    fn is_shared(&self, description: u32) -> bool {
        let has = |table: &&Table| table.slots.values().any(|slot| slot.description == description);
        self.tables.values().filter(has).count() > 1
    }

    /// Whether a thing may have that name in /proc.
    fn is_named(&self, kind: &Kind, name: &str, bound: &mut Bound) -> bool {
        let whole = match kind {
            // Both ends have the pipe's name.
            Kind::WriteEnd(number) | Kind::BothEnds(number) => &Kind::ReadEnd(*number),
            other => other,
        };
        match whole {
            Kind::ReadEnd(number) if self.pipes.get(number).is_some_and(|it| it.path.is_some()) => {
                !name.starts_with("pipe:")
            }
            Kind::ReadEnd(_) | Kind::WriteEnd(_) | Kind::BothEnds(_) | Kind::Socket(_) => {
                let prefix = if matches!(whole, Kind::Socket(_)) { "socket:" } else { "pipe:" };
                name.starts_with(prefix)
                    && bound.names.entry(name.to_owned()).or_insert_with(|| whole.clone()) == whole
            }
            Kind::File(_) => !name.starts_with("anon_inode:"),
            Kind::Epoll => name.contains("eventpoll"),
            Kind::EventFd(_) => name.contains("eventfd"),
            Kind::SignalFd => name.contains("signalfd"),
            Kind::TimerFd => name.contains("timerfd"),
            Kind::PidFd(_) => name.contains("pidfd"),
            Kind::Outside(known) => known.starts_with("standard ") || known == name,
            Kind::Other(_) => true,
        }
    }

    /// Takes over what /proc says. Where something was known before, tells what differed.
    pub(super) fn resync(&mut self, task: Task, found: &[Descriptor]) {
        let guessed = self.table(task).is_some_and(|table| table.guessed);
        let unsure = self.table(task).and_then(|table| table.unsure);
        if !guessed && unsure.is_none() {
            for difference in self.compare(task, found) {
                self.changes.push(Change::Differs(difference));
            }
        }
        let old = self.table(task).cloned().unwrap_or_default();
        let mut slots = BTreeMap::new();
        for row in found {
            let description = self.adopt(row, old.slots.get(&row.number).copied(), guessed);
            slots.insert(row.number, Slot { description, close_on_exec: row.close_on_exec });
            if let Some(maker) = unsure
                && !old.slots.contains_key(&row.number)
            {
                self.leads_early(maker, row.number, description);
            }
        }
        if let Some(table) = self.table_mut(task) {
            table.slots = slots;
            table.guessed = false;
            table.unsure = None;
            table.doubtful.clear();
        }
        self.release_all(old.slots.into_values().map(|slot| slot.description));
    }

    /// The description that a row of /proc leads to: the one that is known to be it, or a new one.
    fn adopt(&mut self, row: &Descriptor, old: Option<Slot>, guessed: bool) -> u32 {
        let taken: BTreeSet<u32> = self.bound.descriptions.values().copied().collect();
        let known = self.bound.descriptions.get(&row.description).copied();
        let known = known.filter(|id| self.descriptions.contains_key(id));
        let same = old.filter(|_| !guessed).map(|slot| slot.description);
        let mut bound = std::mem::take(&mut self.bound);
        let same = same.filter(|id| {
            let found = self.descriptions.get(id);
            !taken.contains(id)
                && found.is_some_and(|found| self.is_named(&found.kind, &row.leads_to, &mut bound))
        });
        self.bound = bound;
        let id = match known.or(same) {
            Some(id) => id,
            None => {
                let kind = self.kind_named(row, guessed);
                self.describe(kind, 0)
            }
        };
        self.bound.descriptions.insert(row.description, id);
        if guessed {
            self.inherited.insert(id);
        }
        if let Some(description) = self.descriptions.get_mut(&id) {
            description.flags = u64::from(row.flags);
            if let (Kind::File(path), true) = (&mut description.kind, row.leads_to.starts_with('/'))
            {
                path.clone_from(&row.leads_to);
            }
        }
        id
    }

    /// What a name in /proc says of a description that was never seen before.
    fn kind_named(&mut self, row: &Descriptor, first: bool) -> Kind {
        let name = row.leads_to.as_str();
        let writes = u64::from(row.flags) & O_ACCMODE == 1;
        if let Some(kind) = self.bound.names.get(name).cloned() {
            return match kind {
                Kind::ReadEnd(number) if writes => Kind::WriteEnd(number),
                kind => kind,
            };
        }
        match name {
            _ if name.starts_with('/') => Kind::File(name.into()),
            // It was there before the program: a pipe to whoever looks at its output.
            _ if first => Kind::Outside(name.into()),
            _ if name.starts_with("pipe:") => {
                let number = self.next_pipe();
                self.bound.names.insert(name.into(), Kind::ReadEnd(number));
                if writes { Kind::WriteEnd(number) } else { Kind::ReadEnd(number) }
            }
            _ if name.starts_with("socket:") => {
                let number = self.next_socket(Socket { foreign: true, ..Socket::new(false) });
                self.bound.names.insert(name.into(), Kind::Socket(number));
                Kind::Socket(number)
            }
            _ if name.contains("eventpoll") => Kind::Epoll,
            _ if name.contains("eventfd") => self.next_eventfd(Channel::default().open_to_others()),
            _ if name.contains("signalfd") => Kind::SignalFd,
            _ if name.contains("timerfd") => Kind::TimerFd,
            _ if name.contains("pidfd") => Kind::PidFd(None),
            _ => Kind::Other(name.into()),
        }
    }
}
