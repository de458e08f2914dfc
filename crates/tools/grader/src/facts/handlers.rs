//! Facts about handlers: what is done in them.
//!
//! To have a handler run where it does harm, say in the middle of a `println!`, record with
//! [`Injection::signal`](crate::Injection::signal).

use super::waiting::{SPINS, nothing_yet};
use super::{Check, Claim, claim};
use crate::{Recorded, Seen, Verdict};
use trace::call::Argument;
use trace::{What, names};

/// Calls by which memory is had and given back.
const MEMORY: [&str; 6] = ["brk", "mmap", "munmap", "mremap", "madvise", "mprotect"];
/// Calls that write.
const WRITES: [&str; 4] = ["write", "writev", "pwrite64", "pwritev"];

/// A step in which a call begins inside of a handler: the handler's signal, the call, its arguments.
fn in_handlers(seen: &Recorded) -> impl Iterator<Item = (&Seen, i32, &str, &[Argument])> {
    seen.steps.iter().filter_map(|step| match &step.event.what {
        What::Enter { name, arguments, .. } => {
            Some((step, *step.handlers.last()?, name.as_str(), arguments.as_slice()))
        }
        _ => None,
    })
}

fn the_handler_of(signal: i32) -> String {
    format!("The handler of {}", names::signal(signal))
}

/// Handlers make these calls and no others: `&["write"]`; none at all, where the list is empty.
pub fn call_in_handlers_only(allowed: &'static [&'static str]) -> Claim<impl Check> {
    let calls = if allowed.is_empty() { "nothing".to_owned() } else { allowed.join(" and ") };
    claim(format!("call {calls} in its handlers, and no more"), move |seen| {
        match in_handlers(seen).find(|(_, _, call, _)| !allowed.contains(call)) {
            None => Ok(()),
            Some((step, signal, call, _)) => {
                Err(unsafe_call(step, signal, call).unwrap_or_else(|| {
                    Verdict::new(format!("{} calls {call}.", the_handler_of(signal)))
                        .saw(step.to_string())
                        .ask("What of this could be done after the handler, by the code that it interrupts?")
                }))
            }
        }
    })
}

/// What shows that no handler may do that, wherever it comes.
fn unsafe_call(step: &Seen, signal: i32, call: &str) -> Option<Verdict> {
    let (does, ask) = match call {
        "futex" => (
            "waits for a lock",
            "Who holds the lock, and when can that one go on and give it back?",
        ),
        "exit_group" => (
            "ends the program",
            "What was the program in the middle of, and who will do the rest of it now?",
        ),
        _ if MEMORY.contains(&call) => (
            "asks for memory, or gives it back",
            "Which line of the handler allocates, and what if the signal comes in the middle of the program's own allocating?",
        ),
        _ => return None,
    };
    let verdict = Verdict::new(format!("{} {does}.", the_handler_of(signal)));
    Some(verdict.saw(step.to_string()).ask(ask))
}

/// Handlers stay within what signal-safety(7) allows, as far as the kernel can see that: they neither wait (for a lock or for
/// anything else), nor ask again and again, nor allocate nor end the program, and they return.
///
/// A lock that happens to be free, and memory that happens to be at hand, are had without a call. So have the signal come where
/// the program holds the lock ([`Injection::signal`](crate::Injection::signal)), and record with
/// [`show_allocations`](crate::Recording::show_allocations).
pub fn stay_safe_in_handlers() -> Claim<impl Check> {
    claim("stay within signal-safety(7) in its handlers", |seen| {
        let says = |text: &Argument| matches!(text, Argument::Bytes(text, _) if text.contains("panicked at"));
        let panic = in_handlers(seen).find(|(.., arguments)| arguments.iter().any(says));
        if let Some((step, signal, ..)) = panic {
            // That is where print! and its kin are.
            let said = String::from_utf8_lossy(&seen.outcome.stderr);
            let verdict = if said.contains("std/src/io/stdio.rs") {
                Verdict::new(format!("{} prints, and panics there.", the_handler_of(signal)))
                    .ask("`println!` takes a lock and fills a buffer: in the middle of what did the signal come, and what did the handler find there?")
            } else {
                Verdict::new(format!("{} panics.", the_handler_of(signal)))
                    .ask("What was the program in the middle of when the signal came, and what did the handler find there?")
            };
            return Err(verdict.saw(step.to_string()).saw_all(seen.outcome.complaint()));
        }
        // Who panics or ends makes other calls before, of which it knows nothing.
        let (last, other): (Vec<_>, Vec<_>) =
            in_handlers(seen).partition(|(_, _, call, _)| *call == "exit_group");
        if let Some(verdict) = last
            .into_iter()
            .chain(other)
            .find_map(|(step, signal, call, _)| unsafe_call(step, signal, call))
        {
            return Err(verdict);
        }
        let mut in_vain = 0;
        for step in &seen.steps {
            let Some(&signal) = step.handlers.last() else {
                in_vain = 0;
                continue;
            };
            if let What::Leave { name, result, arguments } = &step.event.what {
                in_vain = if nothing_yet(name, result, arguments) { in_vain + 1 } else { 0 };
            }
            if in_vain >= SPINS {
                return Err(Verdict::new(format!("{} asks again and again, in vain.", the_handler_of(signal)))
                    .saw(step.to_string())
                    .ask("Who could change the answer, and can that one go on before the handler returns?"));
            }
            if let (What::Sleeps, Some(blocked)) = (&step.event.what, &step.blocked) {
                let cause = format!("{} sleeps, in {}.", the_handler_of(signal), blocked.call);
                return Err(Verdict::new(cause).saw(step.to_string()).ask(
                    "For whom does it wait, and can that one go on before the handler returns?",
                ));
            }
        }
        Ok(())
    })
}

/// Handlers write nothing to standard output and standard error, for which `println!` and its kin are not made.
pub fn print_nothing_in_handlers() -> Claim<impl Check> {
    claim("print nothing in its handlers", |seen| {
        for (step, signal, call, arguments) in in_handlers(seen) {
            if WRITES.contains(&call)
                && matches!(arguments.first(), Some(Argument::Descriptor(1 | 2)))
            {
                return Err(Verdict::new(format!("{} prints.", the_handler_of(signal)))
                    .saw(step.to_string())
                    .ask("`println!` takes a lock and fills a buffer: what if the signal comes in the middle of the program's own `println!`?"));
            }
        }
        Ok(())
    })
}
