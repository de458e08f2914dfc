//! Who waits for whom, and for whom that one waits, round and round.

use std::collections::{BTreeMap, BTreeSet};

use super::living_children;
use crate::event::Task;
use crate::model::{Holder, Kind, Model, Place};
use crate::why::{Blocked, Wait};

/// Threads each of which waits for what is up to the next one, and the last one for the first.
pub(super) struct Ring {
    steps: Vec<(Task, Wait)>,
}

/// For each who sleeps, who could end a wait of it, and which.
type Edges = BTreeMap<Task, Vec<(Task, Wait)>>;

/// The rings among those who sleep, none of which shares anybody with another.
pub(super) fn rings(model: &Model, blocked: &[Blocked]) -> Vec<Ring> {
    let edges: Edges =
        blocked.iter().map(|sleeper| (sleeper.task, wakers(model, blocked, sleeper))).collect();
    let mut rings: Vec<Ring> = Vec::new();
    for start in edges.keys() {
        if rings.iter().any(|ring| ring.tasks().any(|task| task == *start)) {
            continue;
        }
        let mut ring = Ring { steps: Vec::new() };
        let mut seen = rings.iter().flat_map(Ring::tasks).collect();
        if ring.closes(&edges, *start, *start, &mut seen) {
            rings.push(ring);
        }
    }
    rings
}

impl Ring {
    /// Whether one comes back to the start from here; then the way there is this ring's.
    fn closes(&mut self, edges: &Edges, at: Task, start: Task, seen: &mut BTreeSet<Task>) -> bool {
        for (next, wait) in edges.get(&at).into_iter().flatten() {
            self.steps.push((at, wait.clone()));
            let is_back = *next == start && at != start;
            if is_back
                || *next != start && seen.insert(*next) && self.closes(edges, *next, start, seen)
            {
                return true;
            }
            self.steps.pop();
        }
        false
    }

    pub(super) fn tasks(&self) -> impl Iterator<Item = Task> + Clone + '_ {
        self.steps.iter().map(|(task, _)| *task)
    }

    /// All wait to read: nobody has begun.
    pub(super) fn reads(&self) -> bool {
        self.steps.iter().all(|(_, wait)| matches!(wait, Wait::Data(_)))
    }

    /// All wait for bytes, or for room for theirs: an end that is open is one that is to be used.
    pub(super) fn moves_bytes(&self) -> bool {
        self.steps.iter().all(|(_, wait)| matches!(wait, Wait::Data(_) | Wait::Room(_)))
    }

    /// `Round and round: P1 waits for P2 to end, which is up to P2; P2 waits for data in pipe 1, which is up to P1`.
    pub(super) fn words(&self) -> String {
        let next = self.tasks().cycle().skip(1);
        let steps = self.steps.iter().zip(next);
        let said: Vec<String> = steps
            .map(|((task, wait), next)| {
                format!("{task} waits for {}, which is up to {next}", wait.words())
            })
            .collect();
        format!("Round and round: {}", said.join("; "))
    }
}

/// Who of those that sleep could end a sleeper's waits, and which. What is up to a process is up to each of its threads, but to
/// none that waits for the very same.
fn wakers(model: &Model, blocked: &[Blocked], sleeper: &Blocked) -> Vec<(Task, Wait)> {
    let mut wakers = Vec::new();
    for wait in &sleeper.waits {
        let up_to = |other: &&Blocked| {
            let joined = *wait == Wait::Child(Some(other.task));
            let holds = *wait == Wait::LockOf(other.task);
            let whose = processes(model, sleeper, wait);
            joined
                || holds
                || whose.contains(&model.process_of(other.task)) && other.waits != [wait.clone()]
        };
        let others = blocked.iter().filter(|other| other.task != sleeper.task).filter(up_to);
        wakers.extend(others.map(|other| (other.task, wait.clone())));
    }
    wakers
}

/// The processes that could end a wait.
fn processes(model: &Model, sleeper: &Blocked, wait: &Wait) -> Vec<Task> {
    let own = model.process_of(sleeper.task);
    let kind = match wait {
        Wait::Data(Place::Pipe(number)) => Kind::WriteEnd(*number),
        Wait::Room(Place::Pipe(number)) => Kind::ReadEnd(*number),
        Wait::Room(Place::Socket(number)) => Kind::Socket(*number),
        Wait::Data(Place::EventFd(number)) | Wait::Room(Place::EventFd(number)) => {
            Kind::EventFd(*number)
        }
        Wait::Data(Place::Socket(number)) => {
            match model.sockets.get(number).and_then(|socket| socket.peer) {
                Some(peer) => Kind::Socket(peer),
                None => return Vec::new(),
            }
        }
        Wait::Child(Some(child)) | Wait::Change(Some(child), _) | Wait::Made(child) => {
            // A thread of its own that it joins is not its whole process.
            let process = model.process_of(*child);
            return if process == own { Vec::new() } else { vec![process] };
        }
        Wait::FileLock(_, held) => return of(model, held.clone()),
        Wait::Child(None) | Wait::Change(None, _) => return living_children(model, own),
        _ => return Vec::new(),
    };
    of(model, model.holders(&kind))
}

fn of(model: &Model, holders: Vec<Holder>) -> Vec<Task> {
    let processes = holders.into_iter().filter_map(|holder| match holder {
        Holder::Descriptor(task, _) | Holder::Process(task) => Some(model.process_of(task)),
        Holder::InFlight(_) => None,
    });
    processes.collect()
}
