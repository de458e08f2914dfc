//! Facts about self-pipes: what handlers write, and whom they wake by that.
//!
//! What else a handler does is told by [`call_in_handlers_only`](super::call_in_handlers_only), and a sleep that no byte has ended
//! by [`not_sleep_through`](super::not_sleep_through).

use super::{Check, Claim, claim};
use crate::{Recorded, Seen, Verdict};
use std::collections::HashMap;
use trace::call::Argument;
use trace::event::{Disposition, Outcome};
use trace::model::Kind;
use trace::{Model, Task, What, names};

/// Calls by which a byte gets into a pipe.
fn writes(call: &str) -> bool {
    matches!(call, "write" | "writev")
}

/// The numbers of the descriptors that handlers write to.
#[must_use]
pub fn written_to_in_handlers(seen: &Recorded) -> Vec<i32> {
    let in_handlers = seen.steps.iter().filter(|step| !step.handlers.is_empty());
    let written_to = in_handlers.filter_map(|step| match &step.event.what {
        What::Enter { name, arguments, .. } if writes(name) => match arguments.first() {
            Some(Argument::Descriptor(number)) => Some(*number),
            _ => None,
        },
        _ => None,
    });
    written_to.collect()
}

/// Every time that a handler runs, it offers one byte to a descriptor.
pub fn write_one_byte_in_each_handler() -> Claim<impl Check> {
    claim("write one byte in each run of a handler", |seen| {
        let mut running: HashMap<Task, Vec<(&Seen, u64)>> = HashMap::new();
        let mut has_written = false;
        for step in &seen.steps {
            let frames = running.entry(step.event.task).or_default();
            match &step.event.what {
                What::Delivered { disposition: Disposition::Handler, .. } => frames.push((step, 0)),
                What::Enter { name, arguments, .. } if writes(name) => {
                    if let (Some((_, bytes)), Some(Argument::Bytes(_, count))) =
                        (frames.last_mut(), arguments.get(1))
                    {
                        *bytes += count;
                    }
                }
                What::HandlerReturns => {
                    let Some((begins, bytes)) = frames.pop().filter(|(_, bytes)| *bytes != 1)
                    else {
                        has_written = true;
                        continue;
                    };
                    let cause = match bytes {
                        0 if has_written => {
                            "The handler has written a byte before, and this time it writes nothing."
                                .into()
                        }
                        0 => "The handler writes nothing.".into(),
                        _ => format!(
                            "The handler writes {}, and one is enough.",
                            names::bytes(bytes)
                        ),
                    };
                    return Err(Verdict::new(cause)
                        .saw(begins.to_string())
                        .saw(step.to_string())
                        .ask("What does the byte have to say, and to whom?"));
                }
                _ => {}
            }
        }
        Ok(())
    })
}

/// What a handler writes goes to the handler's own process: into a pipe that this process, and not its parent, has made; and it
/// gets there: the descriptor is open, for writing.
pub fn wake_only_itself() -> Claim<impl Check> {
    claim("wake itself in its handlers, and nobody else", |seen| {
        let mut model = Model::new();
        let mut makers: HashMap<u32, (Task, &Seen)> = HashMap::new();
        for step in &seen.steps {
            // What contradicts the model, other facts tell of; what it could follow, it has.
            let _ = model.apply(&step.event);
            let who = step.process;
            match &step.event.what {
                What::Leave { arguments, .. } if !step.opened.is_empty() => {
                    if let Some(Argument::Descriptors(ends)) = arguments.first()
                        && let Some(Kind::ReadEnd(pipe)) =
                            ends.first().and_then(|end| model.kind(step.event.task, *end))
                    {
                        makers.entry(*pipe).or_insert((who, step));
                    }
                }
                What::Enter { name, arguments, .. } if writes(name) => {
                    if step.handlers.is_empty() {
                        continue;
                    }
                    let Some(Argument::Descriptor(fd)) = arguments.first() else { continue };
                    if let Some(Kind::WriteEnd(pipe)) = model.kind(step.event.task, *fd)
                        && let Some((maker, made)) =
                            makers.get(pipe).filter(|(maker, _)| *maker != who)
                    {
                        return Err(Verdict::new(format!(
                            "{who} wakes another process: its handler writes into the pipe of {maker}."
                        ))
                        .saw(made.to_string())
                        .saw(step.to_string())
                        .ask("Whose descriptor is that number in a child, and how could a handler know in whose process it runs?"));
                    }
                }
                What::Leave { name, arguments, result: Outcome::Error(error) }
                    if writes(name) && error == "EBADF" && !step.handlers.is_empty() =>
                {
                    let Some(Argument::Descriptor(fd)) = arguments.first() else { continue };
                    let cause = match model.kind(step.event.task, *fd) {
                        Some(Kind::ReadEnd(_)) => format!(
                            "The handler of {who} writes to descriptor {fd}, which is an end to read from: nobody is woken."
                        ),
                        _ => format!(
                            "The handler of {who} writes to descriptor {fd}, which is closed: nobody is woken."
                        ),
                    };
                    return Err(Verdict::new(cause)
                        .saw(step.to_string())
                        .ask("Which number does the handler find, and what is open there at any time at which a signal may come?"));
                }
                _ => {}
            }
        }
        Ok(())
    })
}
