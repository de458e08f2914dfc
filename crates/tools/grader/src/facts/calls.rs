//! Facts about single calls.

use super::{Check, Claim, claim, in_the_end};
use crate::{Recorded, Seen, Verdict};
use trace::call::Argument;
use trace::event::Outcome;
use trace::{Task, What};

/// Calls that read bytes.
const READS: [&str; 6] = ["read", "readv", "pread64", "recvfrom", "recvmsg", "splice"];

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

/// The first process leaves these words to its children: none of its own writes has them in it, but for what it tells of itself on standard
/// error.
pub fn leave_to_its_children(words: &'static str) -> Claim<impl Check> {
    claim(format!("leave it to its children to say {words:?}"), move |seen| {
        let says = |step: &&Seen| {
            let writes = matches!(&step.event.what, What::Enter { name, arguments, .. }
                if name.starts_with("write") && arguments.first() != Some(&Argument::Descriptor(2)));
            writes && step.process == Task(1) && step.sentence.contains(words)
        };
        match seen.steps.iter().find(says) {
            None => Ok(()),
            Some(step) => Err(Verdict::new("The parent says the child's words.")
                .saw(step.to_string())
                .ask("Which process is to come to the line that says them, and what has fork returned there?")),
        }
    })
}

/// So many bytes are read, by whoever of the program's processes and by whichever call.
pub fn read_in_all(bytes: u64) -> Claim<impl Check> {
    in_the_end(format!("read {bytes} bytes in all"), move |seen| {
        let count = |step: &Seen| match &step.event.what {
            What::Leave { name, result: Outcome::Value(count), .. }
                if READS.contains(&name.as_str()) =>
            {
                u64::try_from(*count).unwrap_or_default()
            }
            _ => 0,
        };
        let read: u64 = seen.steps.iter().map(count).sum();
        if read >= bytes {
            return Ok(());
        }
        Err(Verdict::new(format!("What was said did not go from one process to the other: {read} bytes were read, of {bytes}."))
            .ask("A fork has copied the memory. How else could one of them know what the other one says?"))
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

/// No signal goes to the program's own group, or to everybody: kill(2) with 0, with the group's id or with -1. A group that
/// it has made for a child is another matter.
pub fn signal_no_group() -> Claim<impl Check> {
    claim("signal no group", |seen| {
        for step in begins(seen, "kill") {
            let What::Enter { arguments, .. } = &step.event.what else { continue };
            let whom = match arguments.first() {
                Some(Argument::Number(0) | Argument::Group(Task::OUTSIDE | Task(1))) => {
                    "its whole process group"
                }
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
