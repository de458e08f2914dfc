//! When everybody sleeps: which end should have been closed, and what else is mostly behind it. `ring.rs`: who waits for whom.

mod ring;

use ring::{Ring, rings};

use crate::event::{Disposition, Task};
use crate::model::{Holder, Kind, Model, Place, State};
use crate::names::{bytes, count, list};
use crate::why::{Blocked, Wait, sleepers};

/// Whether all who live sleep, and none of them only for a time.
#[must_use]
pub fn is_knot(model: &Model) -> bool {
    let lives = |task: &Task| model.threads[task].lives();
    let sleepers = sleepers(model);
    !sleepers.is_empty()
        && model.threads.keys().filter(|task| lives(task)).count() == sleepers.len()
        && sleepers.iter().all(|blocked| {
            blocked.at_most.is_none()
                && !blocked.waits.iter().any(|wait| matches!(wait, Wait::Time(_)))
        })
}

/// What holds a program that hangs, a line a sentence: each who sleeps, who waits for whom, and
/// the likely cause.
#[must_use]
pub fn knot(model: &Model) -> Vec<String> {
    let blocked = sleepers(model);
    let mut lines: Vec<String> = blocked.iter().map(|blocked| blocked.sentence(model)).collect();
    let stopped = model.threads.keys().filter(|task| {
        matches!(model.state(**task), Some(State::Stopped(_))) && model.process_of(**task) == **task
    });
    lines.extend(stopped.map(|task| format!("{task} is stopped, and nobody has continued it")));
    let rings = rings(model, &blocked);
    lines.extend(rings.iter().map(Ring::words));
    lines.extend(causes(model, &blocked, &rings));
    lines
}

fn living_children(model: &Model, parent: Task) -> Vec<Task> {
    let children = model.processes.iter();
    children
        .filter(|(_, child)| child.parent == Some(parent) && child.status.is_none())
        .map(|(task, _)| *task)
        .collect()
}

/// What is mostly behind it, where it looks like that.
fn causes(model: &Model, blocked: &[Blocked], rings: &[Ring]) -> Vec<String> {
    let mut causes = Vec::new();
    for ring in rings.iter().filter(|ring| ring.reads()) {
        let names: Vec<String> = ring.tasks().map(|task| task.to_string()).collect();
        causes.push(format!(
            "{} all wait to read: one of them must write first, or close its end",
            list(&names)
        ));
    }
    for sleeper in blocked {
        for wait in &sleeper.waits {
            causes.extend(match wait {
                Wait::Data(place) if model.queued(*place) > 0 => {
                    told_already(model, sleeper, *place)
                }
                Wait::Data(place @ Place::Pipe(pipe)) => {
                    open_end(model, blocked, rings, sleeper, (*place, *pipe))
                }
                Wait::Room(_) => full(blocked, sleeper),
                Wait::Lock => lock(model, blocked, sleeper.task),
                Wait::SharedLock => shared_lock(model, sleeper.task),
                Wait::FileLock(path, held) => own_lock(model, sleeper.task, path, held),
                Wait::Connection(socket) => {
                    Some(format!("Nobody is left who would connect to socket {socket}"))
                }
                Wait::Child(None) | Wait::Change(None, _) => childless(model, sleeper.task),
                Wait::Signal(_) => {
                    Some(format!("Nobody is left who would send {} a signal", sleeper.task))
                }
                _ => None,
            });
        }
    }
    causes.dedup();
    causes
}

/// There is something, and who waits for it does not hear of that: epoll(7) tells of it once.
fn told_already(model: &Model, sleeper: &Blocked, place: Place) -> Option<String> {
    let queued = model.queued(place);
    let there = match place {
        Place::EventFd(_) => format!("{place} is {queued}"),
        _ => format!("{place} holds {}", bytes(queued)),
    };
    sleeper.call.starts_with("epoll").then(|| {
        format!(
            "{there} already, and {} was told so: with EPOLLET or EPOLLONESHOT, it has to read until there is nothing \
             left, or ask anew",
            sleeper.task
        )
    })
}

/// A write end that nobody will ever write to keeps a pipe from ending.
fn open_end(
    model: &Model,
    blocked: &[Blocked],
    rings: &[Ring],
    sleeper: &Blocked,
    (place, pipe): (Place, u32),
) -> Option<String> {
    let own = model.process_of(sleeper.task);
    let holders = model.holders(&Kind::WriteEnd(pipe));
    let ends = |whose: &dyn Fn(Task) -> bool| -> Vec<String> {
        let ends = holders.iter().filter_map(|holder| match holder {
            Holder::Descriptor(task, fd) if whose(model.process_of(*task)) => {
                Some(format!("{}'s own fd {fd}", model.process_of(*task)))
            }
            _ => None,
        });
        ends.collect()
    };
    // Who would write if it were fed itself has forgotten nothing.
    let feeds = rings.iter().filter(|ring| ring.moves_bytes()).flat_map(Ring::tasks);
    let fed = blocked.iter().filter(|other| {
        matches!(other.waits[..], [Wait::Data(at)] if at != place)
            && model.process_of(other.task) != own
    });
    let feeds = feeds.chain(fed.map(|other| other.task));
    let feeding: Vec<Task> = feeds.map(|task| model.process_of(task)).collect();
    let alone = model.threads_of(own).count() == 1;
    let mine = ends(&|task| task == own && (alone || !feeding.contains(&task)));
    if !mine.is_empty() {
        let (verb, them) = verb(mine.len());
        let rest = if mine.len() == holders.len() { "only " } else { "" };
        let what = list(&mine);
        // Another thread may have been meant to write there.
        let advice = match alone {
            // Its own end is what it needs for that.
            true if is_told_by_signals(model, own) => {
                format!("only a signal's handler of {own} could write to {them}")
            }
            true => format!("{own} should close {them} before it reads"),
            false => format!("no thread of {own} writes to {them} any more"),
        };
        return Some(format!("{rest}{what} {verb} {place} open: {advice}"));
    }
    // Whoever else holds it sleeps too, and in no write: it has forgotten that it has it.
    let others = ends(&|task| {
        let sleeps = blocked.iter().any(|other| model.process_of(other.task) == task);
        sleeps && task != own && !feeding.contains(&task)
    });
    let (verb, them) = verb(others.len());
    (!others.is_empty())
        .then(|| format!("{} {verb} {place} open: nobody writes to {them} any more", list(&others)))
}

/// Whether it has a handler of its own, and not only those that Rust's runtime sets.
fn is_told_by_signals(model: &Model, process: Task) -> bool {
    const OF_THE_RUNTIME: [i32; 2] = [7, 11];
    let own = |signal: &i32| !OF_THE_RUNTIME.contains(signal);
    (1..=64).filter(own).any(|signal| model.disposition(process, signal) == Disposition::Handler)
}

fn verb(number: usize) -> (&'static str, &'static str) {
    if number == 1 { ("keeps", "it") } else { ("keep", "them") }
}

/// Two that write, and neither reads.
fn full(blocked: &[Blocked], sleeper: &Blocked) -> Option<String> {
    let writes = |other: &&Blocked| other.waits.iter().any(|wait| matches!(wait, Wait::Room(_)));
    let writers: Vec<String> =
        blocked.iter().filter(writes).map(|other| other.task.to_string()).collect();
    if writers.len() > 1 {
        return Some(format!(
            "{} all write and wait for room: one of them must read",
            list(&writers)
        ));
    }
    Some(format!("Nobody reads what {} writes, and there is no more room", sleeper.task))
}

/// A lock that was held when its process was forked stays so in the child for ever; and two threads may each
/// hold the lock that the other one waits for.
fn lock(model: &Model, blocked: &[Blocked], task: Task) -> Option<String> {
    let process = model.process_of(task);
    let thread = model.threads.get(&task)?;
    if !thread.handlers.is_empty() {
        return Some(format!(
            "{task} waits in a signal handler for a lock that it may hold itself, below the handler"
        ));
    }
    if model.threads_of(process).count() == 1 {
        return Some(format!(
            "{process} has no other thread that could release the lock: it was held when {process} was forked, or {process} holds it itself"
        ));
    }
    let all_lock = blocked.iter().filter(|other| model.process_of(other.task) == process);
    let threads: Vec<String> = all_lock
        .filter(|other| other.waits.contains(&Wait::Lock))
        .map(|other| other.task.to_string())
        .collect();
    (threads.len() > 1).then(|| {
        format!("{} are threads of one process and all wait for a lock: each may hold what another waits for", list(&threads))
    })
}

/// A lock that several processes may share stays held when its holder ends.
fn shared_lock(model: &Model, task: Task) -> Option<String> {
    let others_live = model.threads.iter().any(|(other, it)| *other != task && it.lives());
    (!others_live).then(|| {
        format!("nobody but {task} is left: it holds the lock itself, or whoever held it has ended")
    })
}

/// To the kernel, two descriptions of one file are two who lock it.
fn own_lock(model: &Model, task: Task, path: &str, held: &[Holder]) -> Option<String> {
    let process = model.process_of(task);
    let open = model.holders(&Kind::File(path.into()));
    let own = |holder: &Holder| matches!(holder, Holder::Descriptor(task, _) | Holder::Process(task) if model.process_of(*task) == process);
    let is_own = match held {
        [] => open.len() > 1 && open.iter().all(own),
        held => model.threads_of(process).count() == 1 && held.iter().all(own),
    };
    is_own.then(|| {
        format!("{process} has {path} open more than once: the lock that is in its way is its own")
    })
}

fn childless(model: &Model, task: Task) -> Option<String> {
    let children = living_children(model, model.process_of(task));
    let number = count(children.len() as u64, "child", "children");
    children
        .iter()
        .all(|child| matches!(model.state(*child), Some(State::Stopped(_))))
        .then(|| format!("{task} waits for {number} that a signal has stopped"))
}
