//! Who holds the other end of what somebody waits for.

use super::{Blocked, Wait};
use crate::model::{Holder, Kind, Model, Place};
use crate::names::list;

impl Blocked {
    /// Who holds the end that could wake it, in words.
    pub(super) fn other_end(&self, model: &Model, wait: &Wait) -> Option<String> {
        let (kind, name) = match wait {
            Wait::Data(Place::Pipe(number)) => (Kind::WriteEnd(*number), "write end"),
            Wait::Room(Place::Pipe(number)) => (Kind::ReadEnd(*number), "read end"),
            Wait::Data(Place::Socket(number)) => match model.sockets.get(number)?.peer {
                Some(peer) if let Some(listener) = model.queued_at(peer) => {
                    return Some(format!(
                        "its connection is in the queue of socket {listener}, and nobody has accepted it yet"
                    ));
                }
                Some(peer) => (Kind::Socket(peer), "other end"),
                None => return self.open_to_all(model, *number),
            },
            Wait::Data(Place::EventFd(number)) | Wait::Room(Place::EventFd(number)) => {
                (Kind::EventFd(*number), "descriptor of it")
            }
            Wait::Room(Place::Socket(number)) => (Kind::Socket(*number), "other end"),
            Wait::Connection(number) => {
                let address = model.sockets.get(number)?.address.as_ref()?;
                return Some(format!("it listens at {address}"));
            }
            Wait::LockOf(holder) if *holder == self.task => {
                return Some(format!("{holder} itself holds it"));
            }
            Wait::LockOf(holder) => {
                return Some(format!("{holder} held it when {} began to wait", self.task));
            }
            Wait::Typed(path) => return self.other_end_of_terminal(model, path),
            Wait::Queue(name, _) => {
                let held = self.holders(model, &Kind::Other(name.clone()));
                return (!held.is_empty()).then(|| format!("it is open as {}", list(&held)));
            }
            Wait::FileLock(_, held) if !held.is_empty() => {
                let held: Vec<String> = held.iter().map(|one| self.holder(model, one)).collect();
                return Some(format!("it is held by {}", list(&held)));
            }
            Wait::FileLock(path, _) => {
                let held = self.holders(model, &Kind::File(path.clone()));
                return (held.len() > 1).then(|| format!("the file is open as {}", list(&held)));
            }
            _ => return None,
        };
        let held = self.holders(model, &kind);
        Some(match (held.len(), name) {
            // A named pipe may never have had one.
            (0, _) if Self::is_of_a_pipe_without_name(model, wait) => {
                format!("no {name} is open any more, so it wakes")
            }
            (0, _) => format!("no {name} is open"),
            (1, _) => format!("{name} still open: {}", held.join("")),
            (_, "descriptor of it") => format!("descriptors of it still open: {}", held.join(", ")),
            _ => format!("{name}s still open: {}", held.join(", ")),
        })
    }

    fn is_of_a_pipe_without_name(model: &Model, wait: &Wait) -> bool {
        let (Wait::Data(Place::Pipe(number)) | Wait::Room(Place::Pipe(number))) = wait else {
            return false;
        };
        model.pipes.get(number).is_some_and(|pipe| pipe.path.is_none())
    }

    /// Who could write to a terminal's other end. Of several, which belongs to which is not known.
    fn other_end_of_terminal(&self, model: &Model, path: &str) -> Option<String> {
        let other = |kind: &Kind| matches!(kind, Kind::File(other) if is_terminal(other) && is_master(other) != is_master(path));
        let all = model.descriptions.values().map(|found| &found.kind);
        let mut ends: Vec<&Kind> = all.filter(|kind| other(kind)).collect();
        let masters = model.descriptions.values().filter(
            |found| matches!(&found.kind, Kind::File(path) if is_terminal(path) && is_master(path)),
        );
        let several = masters.count() > 1;
        ends.dedup();
        let held: Vec<String> = ends.iter().flat_map(|kind| self.holders(model, kind)).collect();
        match held.len() {
            _ if several => None,
            0 => Some("its other end is not open".into()),
            1 => Some(format!("other end still open: {}", held.join(""))),
            _ => Some(format!("other ends still open: {}", held.join(", "))),
        }
    }

    /// Who could send to a socket that has no other end.
    fn open_to_all(&self, model: &Model, number: u32) -> Option<String> {
        let socket = model.sockets.get(&number).filter(|socket| socket.takes_from_all())?;
        if let Some(only) = socket.sends_to {
            let held = self.holders(model, &Kind::Socket(only));
            return Some(match held.is_empty() {
                true => format!("it is connected to socket {only}, which is closed"),
                false => format!("only socket {only} may send to it, held as {}", list(&held)),
            });
        }
        let senders: Vec<String> =
            model.senders(number).flat_map(|sender| self.holders(model, &sender)).collect();
        let known = match senders.is_empty() {
            true => String::new(),
            false => format!("; connected to it: {}", senders.join(", ")),
        };
        Some(match &socket.address {
            Some(address) => format!("anybody may send to {address}{known}"),
            None => format!("it was not bound to an address{known}"),
        })
    }

    fn holders(&self, model: &Model, kind: &Kind) -> Vec<String> {
        model.holders(kind).iter().map(|holder| self.holder(model, holder)).collect()
    }

    fn holder(&self, model: &Model, holder: &Holder) -> String {
        match holder {
            Holder::Descriptor(task, fd)
                if model.process_of(*task) == model.process_of(self.task) =>
            {
                format!("fd {fd} of {} itself", model.process_of(*task))
            }
            Holder::Descriptor(task, fd) => format!("fd {fd} of {task}"),
            Holder::Process(task) if *task == model.process_of(self.task) => {
                format!("{task} itself")
            }
            Holder::Process(task) => task.to_string(),
            Holder::InFlight(socket) => format!("one in a message to socket {socket}"),
        }
    }
}

/// Whether a path is one of the two ends of a pseudoterminal: pty(7).
pub(super) fn is_terminal(path: &str) -> bool {
    is_master(path) || path.starts_with("/dev/pts/")
}

fn is_master(path: &str) -> bool {
    matches!(path, "/dev/ptmx" | "/dev/pts/ptmx")
}
