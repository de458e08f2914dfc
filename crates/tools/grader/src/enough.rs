//! When a recording has shown enough: the program would go on as it does until its deadline.

use crate::facts::met::WAITS;
use crate::facts::waiting::nothing_yet;
use std::collections::HashMap;
use trace::event::{Disposition, Outcome};
use trace::{Event, Task, What};

/// So many calls in a row, by whomever, that got nothing and have changed nothing, and nobody has slept in between. The recorder lets nobody wait for more than 6000 steps, which
/// are 3000 calls, while others go on and on: whoever could change the answer has had a turn.
const IN_VAIN: u32 = 4000;
/// So many calls of one handler. It may make a handful, and then it is to return.
const IN_A_HANDLER: u32 = 1000;

/// What a recording has shown so far.
#[derive(Debug, Default)]
pub(crate) struct Enough {
    in_vain: u32,
    /// How many handlers a task is in, and how many calls were begun since it is in the first.
    handlers: HashMap<Task, (u32, u32)>,
}

impl Enough {
    /// Sees an event; says why that is enough.
    pub(crate) fn sees(&mut self, event: &Event) -> Option<String> {
        let task = event.task;
        match &event.what {
            What::Leave { name, result, arguments } => {
                let in_vain = nothing_yet(name, result, arguments) || only_looks(name, result);
                self.in_vain = if in_vain { self.in_vain + 1 } else { 0 };
                (self.in_vain == IN_VAIN)
                    .then(|| format!("{IN_VAIN} times in a row, {task} has asked in vain"))
            }
            What::Sleeps => {
                self.in_vain = 0;
                None
            }
            What::Delivered { disposition: Disposition::Handler, .. } => {
                self.handlers.entry(task).or_default().0 += 1;
                None
            }
            What::HandlerReturns => {
                let (depth, _) = self.handlers.get_mut(&task)?;
                *depth -= 1;
                if *depth == 0 {
                    self.handlers.remove(&task);
                }
                None
            }
            What::Enter { .. } => {
                let (_, calls) = self.handlers.get_mut(&task)?;
                *calls += 1;
                (*calls == IN_A_HANDLER)
                    .then(|| format!("{task} has made {IN_A_HANDLER} calls in a handler"))
            }
            What::Ended { .. } | What::Exec { .. } => {
                self.handlers.remove(&task);
                None
            }
            _ => None,
        }
    }
}

/// Whether a call was answered, and all is as before: it has asked what is ready, or read at an end that stays.
fn only_looks(name: &str, result: &Outcome) -> bool {
    match (name, result) {
        ("read" | "readv" | "recvfrom" | "recvmsg", Outcome::Value(0)) => true,
        (_, Outcome::Value(_)) => WAITS.contains(&name),
        _ => false,
    }
}
