//! What is said beside a row, and what makes two rows alike.

use super::{Row, RowKind};
use crate::event::{Event, Outcome, What};
use crate::model::{Arguments, Change, Kind, Model, Place};
use crate::names::{bytes, list};
use crate::words::{aftermath, closed, line, quoted, ready_words, refusal, status_words};

/// What a step means, in a few words; `None`: the label says it all.
pub(super) fn note(model: &Model, event: &Event, changes: &[Change]) -> Option<String> {
    match &event.what {
        What::Leave { name, arguments, result } => {
            returned(model, event, (name, Arguments(arguments)), result, changes)
        }
        What::Exec { .. } => {
            let closed = closed(changes);
            let first = format!("closes fd {}: close-on-exec", list(&closed));
            let said = [first].into_iter().chain(aftermath(model, changes));
            (!closed.is_empty()).then(|| said.collect::<Vec<_>>().join("; "))
        }
        What::Ended { .. } => {
            let process = model.processes.get(&event.task)?;
            let parent = process.parent.filter(|_| process.status.is_some());
            let zombie = parent.map(|parent| format!("a zombie until {parent} reaps it"));
            let said: Vec<String> = zombie.into_iter().chain(aftermath(model, changes)).collect();
            (!said.is_empty()).then(|| said.join("; "))
        }
        What::Injected { call, .. } => Some(format!("before its next call: {call}")),
        What::Descriptors { .. } => {
            let told: Vec<String> = changes
                .iter()
                .filter_map(|change| match change {
                    Change::Differs(what) => Some(what.clone()),
                    _ => None,
                })
                .collect();
            Some(list(&told))
        }
        _ => None,
    }
}

fn returned(
    model: &Model,
    event: &Event,
    (name, arguments): (&str, Arguments<'_>),
    result: &Outcome,
    changes: &[Change],
) -> Option<String> {
    match result {
        Outcome::Error(error) => {
            return refusal(model, event.task, (name, arguments.0), error).map(str::to_owned);
        }
        Outcome::Interrupted => return None,
        Outcome::Task(child) if name.starts_with("wait") => {
            let status = model.processes.get(child).and_then(|child| child.status);
            let Some(status) = status else { return without_task(model, event) };
            return Some(format!("reaps {child}: {}", status_words(status)));
        }
        Outcome::Task(_) | Outcome::Value(_) => {}
    }
    let read = |place: &Place| match place {
        Place::Pipe(_) => "out of",
        Place::Socket(_) | Place::EventFd(_) => "from",
    };
    let into = |place: &Place| match place {
        Place::Pipe(_) => "into",
        Place::Socket(_) | Place::EventFd(_) => "to",
    };
    let text = || arguments.bytes().map_or_else(String::new, |(text, total)| quoted(text, total));
    let moved = changes.iter().find_map(|change| match change {
        Change::Put(place @ Place::EventFd(_), _, now)
        | Change::Taken(place @ Place::EventFd(_), _, now) => Some(format!("{place} is {now} now")),
        Change::Put(place, number, queued) if number == queued => {
            Some(format!("{} {} {place}", bytes(*number), into(place)))
        }
        Change::Put(place, number, queued) => {
            Some(format!("{} {} {place}; {queued} there now", bytes(*number), into(place)))
        }
        Change::Taken(place, _, left) => {
            let rest = if *left > 0 { format!("; {left} left") } else { String::new() };
            Some(format!("{} {place}: {}{rest}", read(place), text()))
        }
        Change::EndOfFile(place) => Some(format!("nobody is left who writes to {place}")),
        _ => None,
    });
    moved.or_else(|| opened(model, event, (name, arguments), result, changes))
}

fn opened(
    model: &Model,
    event: &Event,
    (name, arguments): (&str, Arguments<'_>),
    result: &Outcome,
    changes: &[Change],
) -> Option<String> {
    match (name, changes) {
        (
            "pipe" | "pipe2",
            [Change::Opened(read, Kind::ReadEnd(pipe)), Change::Opened(write, _)],
        ) => Some(format!("pipe {pipe}: fd {read} reads, fd {write} writes")),
        ("socketpair", [Change::Opened(one, this), Change::Opened(other, that)]) => {
            let (this, that) = (model.name(this), model.name(that));
            Some(format!("fd {one}: {this}, fd {other}: {that}, joined"))
        }
        ("accept" | "accept4", [.., Change::Opened(fd, kind @ Kind::Socket(number))]) => {
            let peer = model.sockets.get(number).and_then(|socket| socket.peer);
            let joined = peer.map_or_else(String::new, |peer| format!(", joined to socket {peer}"));
            Some(format!("fd {fd}: {}{joined}", model.name(kind)))
        }
        ("close", [Change::Closed(0..=2, Kind::File(_) | Kind::Outside(_))]) => None,
        ("close", [Change::Closed(_, kind)]) => {
            let last = match kind {
                Kind::WriteEnd(pipe) if model.writers(*pipe) == 0 => ", the last one",
                Kind::ReadEnd(pipe) if model.readers(*pipe) == 0 => ", the last one",
                _ => "",
            };
            Some(format!("{}{last}", model.name(kind)))
        }
        ("connect", _) => {
            let socket = arguments.fd(0).and_then(|fd| model.socket(event.task, fd))?;
            let listener = model.queued_at(model.sockets.get(&socket)?.peer?)?;
            Some(format!("in the queue of socket {listener}, until somebody accepts it"))
        }
        // The label has its path and its number.
        ("open" | "openat" | "creat", [Change::Opened(_, Kind::File(_))]) => None,
        (_, [.., Change::Opened(fd, kind)]) => Some(format!("fd {fd}: {}", model.name(kind))),
        ("read" | "recvfrom", _) => {
            let (text, total) = arguments.bytes().filter(|(text, _)| !text.is_empty())?;
            Some(quoted(text, total))
        }
        ("select" | "pselect6" | "poll" | "ppoll", _) => match result {
            Outcome::Value(0) => Some("nothing is ready in time".into()),
            Outcome::Value(value) => ready_words(arguments, *value),
            _ => None,
        },
        ("write", _) => {
            let name = model.name_of(event.task, arguments.fd(0)?)?;
            let printed = arguments.bytes().filter(|_| prints(&name));
            Some(match printed {
                Some((text, total)) => format!("prints {}", line(text, total)),
                None => format!("to {name}"),
            })
        }
        ("wait4", _) if *result == Outcome::Value(0) => {
            Some("no child has ended that it has not reaped".into())
        }
        ("tkill" | "tgkill" | "pidfd_send_signal" | "waitid", _) => without_task(model, event),
        ("rt_sigprocmask", _) => arguments.signals().and(without_task(model, event)),
        ("rt_sigaction", _) if arguments.action().is_none() => without_task(model, event),
        ("alarm" | "setitimer" | "prctl" | "epoll_ctl", _) => without_task(model, event),
        ("epoll_wait" | "epoll_pwait" | "epoll_pwait2", _) => without_task(model, event),
        _ => None,
    }
}

/// Whether a descriptor's name says that one reads there what is written.
pub(super) fn prints(name: &str) -> bool {
    matches!(name, "standard output" | "standard error")
}

/// The step's sentence, for who knows whose step it is.
fn without_task(model: &Model, event: &Event) -> Option<String> {
    let sentence = crate::words::sentence(model, event, &[]);
    Some(sentence.strip_prefix(&format!("{} ", event.task))?.to_owned())
}

/// Rows with the same key are the same thing once more, if the same tasks do it. With the same first
/// half of it, they are alike.
pub(super) fn key(event: &Event, kind: RowKind, label: &str) -> (String, String) {
    match (&event.what, kind) {
        (What::Leave { name, arguments, result }, _) => {
            let result = match result {
                Outcome::Value(_) => "value",
                Outcome::Task(_) => "task",
                Outcome::Error(error) => error,
                Outcome::Interrupted => "interrupted",
            };
            let fd = Arguments(arguments).fd(0);
            // Of what is printed, each line is another one, unless only its numbers are.
            let bytes = Arguments(arguments).bytes().filter(|_| name == "write");
            let printed = bytes.filter(|_| matches!(fd, Some(1 | 2)));
            let printed = printed.map_or_else(String::new, |(text, _)| without_numbers(text));
            (format!("{kind:?} {name} {result}"), format!("{fd:?} {printed}"))
        }
        // A waiting call is known by its descriptor: how much it asks for may differ.
        (_, RowKind::Waits) => {
            let head = label.split_once(',').map_or(label, |(head, _)| head);
            let (name, rest) = head.split_once('(').unwrap_or((head, ""));
            (format!("{kind:?} {name}"), nameless(rest))
        }
        _ => (format!("{kind:?} {}", nameless(label)), String::new()),
    }
}

/// Without what differs where the same is done once more, or with another socket, say.
pub(super) fn without_numbers(text: &str) -> String {
    text.chars().filter(|char| !char.is_ascii_digit()).collect()
}

/// Without the numbers of tasks.
fn nameless(label: &str) -> String {
    let mut text = String::new();
    for char in label.chars() {
        if !(char.is_ascii_digit() && text.ends_with('P')) {
            text.push(char);
        }
    }
    text
}

/// Whoever is not recorded has no column and is called P0 where a program names it: then it is said who that is.
pub(super) fn explain_outside(rows: &mut [Row]) {
    const WHO: &str = "P0 is somebody outside of the recording";
    let named = |text: &str| {
        let mut words = text.split(|char: char| !char.is_alphanumeric());
        words.any(|word| word == "P0")
    };
    for row in rows {
        let texts = [Some(&row.label), row.note.as_ref(), Some(&row.sentence)];
        if texts.into_iter().flatten().any(|text| named(text)) {
            row.sentence += &format!(" ({WHO})");
            row.note = Some(row.note.take().map_or(WHO.into(), |note| format!("{note}; {WHO}")));
        }
    }
}
