//! What a call that sends, blocks or catches signals has done, in a sentence.

use super::label::group;
use crate::call::Argument;
use crate::event::{Disposition, Task};
use crate::model::Arguments;
use crate::names::{signal, signals};

pub(super) fn sent(task: Task, to: Option<Task>, number: Option<i32>) -> Option<String> {
    Some(match number? {
        0 => format!("{task} asks whether {} is there", to?),
        number if to? == task => format!("{task} sends {} to itself", signal(number)),
        number => format!("{task} sends {} to {}", signal(number), to?),
    })
}

/// By what stands in the place of a process: a group, 0 or -1.
pub(super) fn sent_to_many(task: Task, said: Arguments<'_>) -> Option<String> {
    let many = match said.get(0)? {
        Argument::Group(leader) => group(*leader),
        Argument::Number(0) => "its own group".into(),
        Argument::Number(-1) => "everybody whom it may signal".into(),
        _ => return None,
    };
    Some(match said.signal(1)? {
        0 => format!("{task} asks whether it may signal {many}"),
        number => format!("{task} sends {} to {many}", signal(number)),
    })
}

pub(super) fn action(task: Task, said: Arguments<'_>) -> Option<String> {
    let name = signal(said.signal(0)?);
    Some(match said.action() {
        Some((Disposition::Handler, ..)) => format!("{task} sets a handler for {name}"),
        Some((Disposition::Ignore, ..)) => format!("{task} ignores {name} from now on"),
        Some((Disposition::Default, ..)) => format!("{task} puts {name} back to its default"),
        None => format!("{task} asks what is set for {name}"),
    })
}

pub(super) fn mask(task: Task, arguments: &[Argument]) -> Option<String> {
    let Some(Argument::Signals(set)) = arguments.get(1) else {
        return Some(format!("{task} asks which signals it blocks"));
    };
    let names = signals(set);
    Some(match Arguments(arguments).number(0)? {
        0 => format!("{task} blocks {names}"),
        1 => format!("{task} unblocks {names}"),
        _ if set.is_empty() => format!("{task} blocks no signal any more"),
        _ if names.starts_with("all") => format!("{task} blocks {names}"),
        _ => format!("{task} blocks {names}, and no others"),
    })
}
