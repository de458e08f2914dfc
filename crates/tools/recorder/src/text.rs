//! An event as a line of text.

use trace::call::Argument;
use trace::event::{Event, Outcome, What};

/// One line, without its end.
pub(crate) fn line(event: &Event) -> String {
    format!("{:>5} {} {}", event.step, event.task, what(&event.what))
}

fn what(what: &What) -> String {
    match what {
        What::Enter { name, arguments, .. } => format!("{name}({})", list(arguments)),
        What::Leave { name, result, arguments } => {
            format!("{name}({}) = {}", list(arguments), outcome(result))
        }
        other => format!("{other:?}"),
    }
}

fn list(arguments: &[Argument]) -> String {
    arguments.iter().map(argument).collect::<Vec<_>>().join(", ")
}

fn argument(argument: &Argument) -> String {
    match argument {
        Argument::Number(number) => number.to_string(),
        Argument::Descriptor(number) => format!("fd {number}"),
        Argument::Flags(bits) => format!("{bits:#x}"),
        Argument::Path(text) | Argument::Address(text) => format!("{text:?}"),
        Argument::Bytes(text, length) => format!("{text:?}:{length}"),
        Argument::Task(task) => task.to_string(),
        Argument::Out | Argument::Opaque => "…".to_string(),
        other => format!("{other:?}"),
    }
}

fn outcome(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Value(value) => value.to_string(),
        Outcome::Task(task) => task.to_string(),
        Outcome::Error(name) => name.clone(),
        Outcome::Interrupted => "interrupted".to_string(),
    }
}
