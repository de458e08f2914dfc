//! Facts about single calls.

use super::{Check, Claim, claim};
use crate::{Recorded, Seen, Verdict};
use trace::What;
use trace::call::Argument;
use trace::event::Outcome;

/// The steps in which this call begins.
fn begins<'a>(seen: &'a Recorded, call: &str) -> Vec<&'a Seen> {
    let is = |step: &&Seen| matches!(&step.event.what, What::Enter { name, .. } if name == call);
    seen.steps.iter().filter(is).collect()
}

/// Somebody makes this call.
pub fn call(name: &'static str) -> Claim<impl Check> {
    claim(format!("call {name}"), move |seen| match begins(seen, name).first() {
        Some(_) => Ok(()),
        None => Err(Verdict::new(format!("The program never calls {name}."))
            .ask(format!("What is {name} for, and who would call it here?"))),
    })
}

/// Nobody makes this call.
pub fn never_call(name: &'static str) -> Claim<impl Check> {
    claim(format!("never call {name}"), move |seen| match begins(seen, name).first() {
        None => Ok(()),
        Some(step) => Err(Verdict::new(format!("The program calls {name}."))
            .saw(step.to_string())
            .ask(format!("What can be had here without {name}?"))),
    })
}

/// No descriptor is closed that is not open: such a number may be another's by then.
pub fn close_nothing_twice() -> Claim<impl Check> {
    claim("close nothing twice", |seen| {
        for step in &seen.steps {
            let What::Leave { name, result: Outcome::Error(error), arguments } = &step.event.what
            else {
                continue;
            };
            if let ("close", "EBADF", Some(Argument::Descriptor(fd))) =
                (name.as_str(), error.as_str(), arguments.first())
            {
                let who = step.event.task;
                return Err(Verdict::new(format!("{who} closes descriptor {fd}, which is not open."))
                    .saw(step.to_string())
                    .ask("Who owns the descriptor, and what would be closed if its number had been given away again?"));
            }
        }
        Ok(())
    })
}

/// No signal goes to a whole group, or to everybody: kill(2) with 0 or -1.
pub fn signal_no_group() -> Claim<impl Check> {
    claim("signal no group", |seen| {
        for step in begins(seen, "kill") {
            let What::Enter { arguments, .. } = &step.event.what else { continue };
            let whom = match arguments.first() {
                Some(Argument::Number(0)) => "its whole process group",
                Some(Argument::Number(-1)) => "every process that it may reach",
                _ => continue,
            };
            return Err(Verdict::new(format!("{} sends a signal to {whom}.", step.event.task))
                .saw(step.to_string())
                .ask("What is the value of the pid here, and what does it mean to kill?"));
        }
        Ok(())
    })
}
