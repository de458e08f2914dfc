//! Each event in one plain sentence.
//!
//! Read in this order: [`sentence`]; `calls.rs` and `ready.rs`, what a call has done; `label.rs`, a call as one
//! writes it in a program, and `numbers.rs`, with names for its numbers.

mod calls;
mod label;
mod numbers;
mod ready;
mod signals;

pub use label::{call_words, result_words};
pub(crate) use label::{line, quoted};
pub(crate) use ready::ready_words;

use crate::call::Argument;
use crate::event::{Disposition, Event, Injected, Outcome, Status, Task, What};
use crate::model::{Change, Kind, Model};
use crate::names;
use crate::why::Blocked;

/// What an event is, in a sentence without a full stop. `model` has followed it, and `changes` is
/// what that has changed.
#[must_use]
pub fn sentence(model: &Model, event: &Event, changes: &[Change]) -> String {
    let task = event.task;
    match &event.what {
        What::Begin { argv, .. } => format!("{task} starts: {}", argv.join(" ")),
        What::Born { parent, process, maker_waits, sibling, .. } => {
            let born = born(task, *parent, *process, *maker_waits);
            match model.processes.get(&task).and_then(|found| found.parent) {
                Some(other) if *sibling => format!("{born}, and {other} is its parent"),
                _ if *sibling => format!("{born}, and has the same parent"),
                _ => born,
            }
        }
        What::Enter { name, arguments, .. } => {
            format!("{task} calls {}", call_words(name, arguments, true))
        }
        What::Sleeps => waits(model, task),
        What::Held => format!("{task} could go on, and the recorder lets another one run first"),
        What::Runs => format!("{task} goes on"),
        What::Pidfd { number, of } => format!("{task} has descriptor {number}, a pidfd of {of}"),
        What::Connected { by } => format!("{task} has the connection that {by} has asked for"),
        What::Leave { name, result, arguments } => match result {
            Outcome::Error(error) => failed(model, task, (name, arguments), error),
            Outcome::Interrupted => {
                format!(
                    "{task} is interrupted in {} by a signal",
                    call_words(name, arguments, false)
                )
            }
            Outcome::Value(value) => calls::done(model, task, (name, arguments), *value, changes),
            Outcome::Task(other) => calls::told(model, task, (name, arguments), *other),
        },
        What::Exec { argv, path } => {
            let closed: Vec<String> = closed(changes);
            let rest = match closed.len() {
                0 => String::new(),
                1 => format!("; fd {} was close-on-exec and is closed", closed[0]),
                _ => format!("; fds {} were close-on-exec and are closed", names::list(&closed)),
            };
            let told = if argv.is_empty() { path.clone() } else { argv.join(" ") };
            let first = format!("{task} becomes another program: {told}{rest}");
            [first].into_iter().chain(aftermath(model, changes)).collect::<Vec<_>>().join("; ")
        }
        What::Signalled { signal, by } => signalled(model, task, *signal, *by),
        What::Delivered { signal, disposition } => delivered(task, *signal, *disposition),
        What::HandlerReturns => format!("{task}'s signal handler returns"),
        What::Stopped { signal } => format!("{task} is stopped by {}", names::signal(*signal)),
        What::Continued => format!("{task} goes on after SIGCONT"),
        What::Ended { status } => {
            let first = ended(model, task, *status);
            [first].into_iter().chain(aftermath(model, changes)).collect::<Vec<_>>().join("; ")
        }
        What::Reaped { by: Some(by) } => format!("{by} reaps {task}: no trace of it is left"),
        What::Reaped { by: None } => {
            format!("{task} leaves no zombie: nobody wants to know how it ended")
        }
        What::Descriptors { .. } => descriptors(task, changes),
        What::Injected { call, deed } => injected(task, call, deed),
        What::Stuck => "Everybody sleeps, and nobody is left who could wake anybody".into(),
        What::End => "The recording ends".into(),
    }
}

fn injected(task: Task, call: &str, deed: &Injected) -> String {
    match deed {
        Injected::Fails(error) => format!("The recorder makes {task}'s {call} fail with {error}"),
        Injected::Short(bytes) => {
            format!("The recorder lets {task}'s {call} move only {}", names::bytes(*bytes))
        }
        Injected::Signal(signal) => {
            format!("The recorder sends {} to {task} before its {call}", names::signal(*signal))
        }
        Injected::Holds => format!("The recorder holds {task} before its {call}"),
    }
}

/// What the recorder does, in words that stand beside a row: `the recorder made it fail`.
pub(crate) fn injected_words(deed: &Injected) -> String {
    match deed {
        Injected::Fails(_) => "the recorder made it fail".into(),
        Injected::Short(bytes) => format!("the recorder let it move only {}", names::bytes(*bytes)),
        Injected::Signal(signal) => format!("the recorder sends {}", names::signal(*signal)),
        Injected::Holds => "the recorder holds it".into(),
    }
}

pub(crate) fn closed(changes: &[Change]) -> Vec<String> {
    let closed = changes.iter().filter_map(|change| match change {
        Change::Closed(fd, _) => Some(fd.to_string()),
        _ => None,
    });
    closed.collect()
}

/// What else an exec or an end has brought about: the end of a pipe for whoever is at its other end, a new parent.
pub(crate) fn aftermath(model: &Model, changes: &[Change]) -> Vec<String> {
    let mut said = Vec::new();
    for change in changes {
        let sentence = match change {
            Change::Closed(_, kind @ Kind::WriteEnd(pipe))
                if model.writers(*pipe) == 0 && model.readers(*pipe) > 0 =>
            {
                last_end(model, kind)
            }
            Change::Closed(_, kind @ Kind::ReadEnd(pipe))
                if model.readers(*pipe) == 0 && model.writers(*pipe) > 0 =>
            {
                last_end(model, kind)
            }
            Change::Adopted(task, Some(parent)) => format!("{task}'s parent is {parent} now"),
            Change::Adopted(task, None) => format!("{task}'s parent is somebody outside now"),
            _ => continue,
        };
        if !said.contains(&sentence) {
            said.push(sentence);
        }
    }
    said
}

fn last_end(model: &Model, kind: &Kind) -> String {
    format!("the last {} is closed", model.name(kind).trim_start_matches("the "))
}

fn born(task: Task, parent: Task, process: Task, maker_waits: bool) -> String {
    match (process == task, maker_waits) {
        (true, false) => format!("{parent} forks: {task} is its copy"),
        (true, true) => format!("{parent} makes {task}, and waits until {task} execs or ends"),
        (false, _) => format!("{parent} starts a thread of {process}: {task}"),
    }
}

/// What a sleeping task waits for: `P2 waits for data in pipe 1`.
fn waits(model: &Model, task: Task) -> String {
    match Blocked::of(model, task) {
        Some(blocked) => {
            format!("{task} waits for {}{}", blocked.awaited(), blocked.alone(model))
        }
        None => format!("{task} sleeps"),
    }
}

fn failed(
    model: &Model,
    task: Task,
    (name, arguments): (&str, &[Argument]),
    error: &str,
) -> String {
    let call = call_words(name, arguments, false);
    match refusal(model, task, (name, arguments), error) {
        Some(meaning) => format!("{task}'s {call} fails with {error}: {meaning}"),
        None => format!("{task}'s {call} fails with {error}"),
    }
}

/// What an error means to the task that got it from a call with these arguments.
pub(crate) fn refusal(
    model: &Model,
    task: Task,
    (name, arguments): (&str, &[Argument]),
    error: &str,
) -> Option<&'static str> {
    let mut descriptors = arguments.iter().filter_map(|argument| match argument {
        Argument::Descriptor(fd) => Some(model.slot(task, *fd).is_some()),
        _ => None,
    });
    // To write where is only to read, or the other way round.
    if error == "EBADF" && descriptors.next() == Some(true) && descriptors.all(|is_open| is_open) {
        return Some("that descriptor is open, and not for this");
    }
    names::error(name, error)
}

fn signalled(model: &Model, task: Task, signal: i32, by: Option<Task>) -> String {
    let name = names::signal(signal);
    let blocked = model.threads.get(&task).is_some_and(|thread| thread.blocks(signal));
    let rest = if blocked { ", and waits outside: it is blocked there" } else { "" };
    match by {
        Some(Task(0)) => format!("somebody outside sends {name} to {task}{rest}"),
        Some(by) if by == task => format!("{by} sends {name} to itself{rest}"),
        Some(by) => format!("{by} sends {name} to {task}{rest}"),
        None => format!("{name} comes for {task}{rest}"),
    }
}

fn delivered(task: Task, signal: i32, disposition: Disposition) -> String {
    let name = names::signal(signal);
    match disposition {
        Disposition::Handler => format!("{task} is interrupted by {name}; its handler runs"),
        Disposition::Ignore => format!("{task} ignores {name}"),
        Disposition::Default if crate::model::kills(signal) => format!("{name} kills {task}"),
        Disposition::Default => format!("{name} reaches {task}, for which it does nothing"),
    }
}

/// `exit code 0`, `SIGKILL`.
#[must_use]
pub fn status_words(status: Status) -> String {
    match status {
        Status::Code(code) => format!("exit code {code}"),
        Status::Signal(signal) => names::signal(signal),
    }
}

fn ended(model: &Model, task: Task, status: Status) -> String {
    let how = match status {
        Status::Code(code) => format!("{task} ends with exit code {code}"),
        Status::Signal(signal) => format!("{task} is killed by {}", names::signal(signal)),
    };
    let process = model.processes.get(&model.process_of(task));
    match process {
        Some(found) if found.status.is_none() => format!("{how}; its process goes on"),
        Some(found) => match found.parent {
            Some(parent) => format!("{how}; it is a zombie until {parent} reaps it"),
            None => how,
        },
        None => how,
    }
}

fn descriptors(task: Task, changes: &[Change]) -> String {
    let differs: Vec<String> = changes
        .iter()
        .filter_map(|change| match change {
            Change::Differs(what) => Some(what.clone()),
            _ => None,
        })
        .collect();
    if differs.is_empty() {
        format!("{task}'s descriptors, as /proc has them")
    } else {
        format!("{task}'s descriptors, as /proc has them: {}", names::list(&differs))
    }
}
