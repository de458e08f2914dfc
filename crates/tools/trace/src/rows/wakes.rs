//! Who wakes whom: the row that brings what somebody sleeps for, and the one who goes on because of it.
//!
//! That a task goes on is an event of its own. Why it does is worked out here: by the last row before it that has
//! put something where the task waits for it, or has closed the last other end. Signals and ends of children have
//! arrows of their own.

use super::build::Builder;
use super::{Arrow, ArrowKind};
use crate::event::{Event, Outcome, Task, What};
use crate::model::{Change, Kind, Model, Place, Socket};
use crate::names::list;
use crate::why::{Blocked, Wait};

/// Somebody who sleeps.
#[derive(Default)]
pub(super) struct Sleeper {
    waits: Vec<Wait>,
    /// Who has brought what it waits for, and in which row; `None`: in that one's next row.
    by: Option<(Task, Option<usize>)>,
}

impl Builder {
    /// After an event has its row.
    pub(super) fn follow_sleepers(&mut self, event: &Event, changes: &[Change]) {
        match &event.what {
            What::Sleeps => {
                let waits = Blocked::of(&self.model, event.task).map(|blocked| blocked.waits);
                let sleeper = Sleeper { waits: waits.unwrap_or_default(), by: None };
                self.asleep.insert(event.task, sleeper);
            }
            What::Held | What::Runs | What::Leave { .. } | What::Ended { .. } => {
                self.wakes_up(event);
            }
            _ => {}
        }
        if !may_wake(event, changes) {
            return;
        }
        // A connection is there before the call that has asked for it is over.
        let enters = matches!(event.what, What::Enter { .. });
        let last = self.rows.rows.iter().rposition(|row| row.task == event.task);
        let row = last.filter(|_| !enters);
        for (task, sleeper) in &mut self.asleep {
            let mut waits = sleeper.waits.iter();
            let brought = waits.any(|wait| brings(&self.model, event, changes, wait));
            // Room may not be enough, and then it sleeps until there is more.
            let room = matches!(sleeper.waits[..], [Wait::Room(_)]);
            if brought && *task != event.task && (room || sleeper.by.is_none()) {
                sleeper.by = Some((event.task, row));
            }
        }
    }

    fn wakes_up(&mut self, event: &Event) {
        let Some(sleeper) = self.asleep.remove(&event.task) else { return };
        let interrupted = matches!(
            &event.what,
            What::Ended { .. } | What::Leave { result: Outcome::Interrupted, .. }
        );
        let Some((by, row)) = sleeper.by.filter(|_| !interrupted) else { return };
        let arrow = Arrow { to: event.task, kind: ArrowKind::Wakes };
        match row.and_then(|row| self.rows.rows.get_mut(row)) {
            Some(row) => row.arrows.push(arrow),
            None => self.reaches(by, arrow),
        }
    }

    /// Says in words what the arrows say.
    pub(super) fn say_who_wakes(&mut self) {
        for row in &mut self.rows.rows {
            let woken = row.arrows.iter().filter(|arrow| arrow.kind == ArrowKind::Wakes);
            let woken: Vec<String> = woken.map(|arrow| arrow.to.to_string()).collect();
            if woken.is_empty() {
                continue;
            }
            let woken = list(&woken);
            row.note = Some(match row.note.take().filter(|note| !note.is_empty()) {
                Some(note) => format!("{note}; wakes {woken}"),
                None => format!("wakes {woken}"),
            });
            row.sentence += &format!("; that wakes {woken}");
        }
    }
}

/// Whether an event may bring what anybody waits for.
fn may_wake(event: &Event, changes: &[Change]) -> bool {
    match &event.what {
        What::Enter { name, .. } => name == "connect",
        What::Leave { name, .. } => name == "shutdown" || !changes.is_empty(),
        What::Ended { .. } | What::Exec { .. } => true,
        _ => false,
    }
}

/// Whether an event has brought what somebody waits for.
fn brings(model: &Model, event: &Event, changes: &[Change], wait: &Wait) -> bool {
    let shuts = matches!(&event.what, What::Leave { name, .. } if name == "shutdown");
    let lets_go = |wanted: &Kind| {
        let closes = |change: &Change| matches!(change, Change::Closed(_, kind) if kind.is(wanted));
        changes.iter().any(closes)
    };
    let peer = |number: &u32| model.sockets.get(number).and_then(|socket| socket.peer);
    let silent = |peer: u32| {
        let gone = |socket: &Socket| socket.sends_no_more;
        (shuts || lets_go(&Kind::Socket(peer))) && model.sockets.get(&peer).is_none_or(gone)
    };
    match wait {
        Wait::Data(place) => {
            let put = |change: &Change| matches!(change, Change::Put(at, ..) if at == place);
            changes.iter().any(put)
                || match place {
                    Place::Pipe(number) => {
                        lets_go(&Kind::WriteEnd(*number)) && model.writers(*number) == 0
                    }
                    Place::Socket(number) => {
                        let deaf = |found: &Socket| shuts && found.hears_no_more;
                        model.sockets.get(number).is_some_and(deaf)
                            || peer(number).is_some_and(silent)
                    }
                    Place::EventFd(_) => false,
                }
        }
        Wait::Room(place) => {
            let taken = |change: &Change| matches!(change, Change::Taken(at, ..) if at == place);
            changes.iter().any(taken)
                || match place {
                    Place::Pipe(number) => {
                        lets_go(&Kind::ReadEnd(*number)) && model.readers(*number) == 0
                    }
                    Place::Socket(number) => {
                        let socket = model.sockets.get(number);
                        lets_go(&Kind::Socket(*number)) && socket.is_none_or(|found| found.closed)
                    }
                    Place::EventFd(_) => false,
                }
        }
        Wait::Connection(number) => {
            let connects = matches!(&event.what, What::Enter { name, .. } if name == "connect");
            let listener = model.sockets.get(number);
            listener.is_some_and(|listener| {
                connects && !listener.queue.is_empty() || shuts && listener.hears_no_more
            })
        }
        // A process's end has other arrows.
        Wait::Child(Some(thread)) if model.process_of(*thread) != *thread => {
            event.task == *thread && matches!(event.what, What::Ended { .. })
        }
        Wait::Made(task) => {
            event.task == *task && matches!(event.what, What::Exec { .. } | What::Ended { .. })
        }
        _ => false,
    }
}
