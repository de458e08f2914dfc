//! Facts about signals: how often they are handled, what is slept through, what waits outside.
//!
//! To have a signal come exactly between two calls, record with [`Injection::signal`](crate::Injection::signal): the handler
//! runs before the call that is named, which begins then. What has been asked before that call is out of date, every time.

use super::{Check, Claim, claim};
use crate::{Exit, Recorded, Seen, Verdict};
use nix::sys::signal::Signal;
use trace::call::Argument;
use trace::event::{Disposition, Outcome};
use trace::{Task, What, names};

/// The steps in which that signal's handler begins.
fn runs(seen: &Recorded, signal: i32) -> Vec<&Seen> {
    let handler = Disposition::Handler;
    let is = |step: &&Seen| step.event.what == What::Delivered { signal, disposition: handler };
    seen.steps.iter().filter(is).collect()
}

/// The signal's handler runs so many times.
pub fn run_its_handler(signal: Signal, times: usize) -> Claim<impl Check> {
    claim(
        format!("run its handler of {signal} {}", names::count(times as u64, "time", "times")),
        move |seen| {
            let runs = runs(seen, signal as i32);
            if runs.len() == times {
                return Ok(());
            }
            let how_often = names::count(runs.len() as u64, "time", "times");
            let sent = |step: &&Seen| matches!(step.event.what, What::Signalled { signal: sent, .. } if sent == signal as i32);
            Err(Verdict::new(format!("The handler of {signal} runs {how_often}, and not {times}."))
            .saw_all(seen.steps.iter().filter(sent).take(3).map(ToString::to_string))
            .saw_all(runs.iter().take(3).map(ToString::to_string))
            .ask("When is a signal delivered, and what becomes of a second one that comes before that?"))
        },
    )
}

/// No handler of the signal is set with SA_RESTART: the calls that it interrupts return.
pub fn be_interrupted_by(signal: Signal) -> Claim<impl Check> {
    claim(format!("be interrupted by {signal} in its calls"), move |seen| {
        match seen.steps.iter().find(|step| restarts(step, signal) == Some(true)) {
            None => Ok(()),
            Some(step) => Err(Verdict::new(format!("{signal} interrupts nothing: a call that its handler finds asleep begins again by itself."))
                .saw(step.to_string())
                .saw("the handler is set with SA_RESTART")
                .ask("sigaction(2): what does SA_RESTART ask for, and which call sets it unasked?")),
        }
    })
}

/// No signal goes to a pid whose process has been reaped: the number may be another's by then. Signal 0 is none: it asks whether somebody is
/// there (kill(2)).
pub fn signal_nobody_reaped() -> Claim<impl Check> {
    claim("signal nobody who has been reaped", |seen| {
        let mut reaped: Vec<&Seen> = Vec::new();
        for step in &seen.steps {
            match &step.event.what {
                What::Reaped { .. } => reaped.push(step),
                What::Enter { name, arguments, .. } if name == "kill" => {
                    let [Argument::Task(to), signal] = arguments.as_slice() else { continue };
                    if *signal == Argument::Signal(0) {
                        continue;
                    }
                    if let Some(end) = reaped.iter().find(|end| end.event.task == *to) {
                        return Err(Verdict::new(format!(
                            "{} signals {to}, which has been reaped already.",
                            step.event.task
                        ))
                        .saw(end.to_string())
                        .saw(step.to_string())
                        .ask("To whom does the number belong by then?"));
                    }
                }
                _ => {}
            }
        }
        Ok(())
    })
}

/// The signal waits outside (it is in the mask) whenever this call begins. For a call that lets signals in while it sleeps, as ppoll(2)
/// and sigsuspend(2) do, what counts is the mask before it.
pub fn hold_back_at(signal: Signal, call: &'static str) -> Claim<impl Check> {
    claim(format!("hold back {signal} when it calls {call}"), move |seen| {
        for (place, step) in seen.steps.iter().enumerate() {
            if !matches!(&step.event.what, What::Enter { name, .. } if name == call) {
                continue;
            }
            let own = |before: &&Seen| before.event.task == step.event.task;
            let before = seen.steps[..place].iter().rev().find(own);
            if before.is_none_or(|before| !before.held_back.contains(&(signal as i32))) {
                return Err(Verdict::new(format!(
                    "{signal} is not blocked when {} calls {call}.",
                    step.event.task
                ))
                .saw(step.to_string())
                .ask(format!("What happens to a {signal} that comes right before this call?")));
            }
        }
        Ok(())
    })
}

/// Whoever is sent the signal does not sleep on it: a process that hangs in the end has not slept through it, in any of these ways.
///
/// - The handler ran between the look at what it has noted, or the unblocking, and the call that sleeps: the wake-up is lost.
/// - The handler ran, and the call that it interrupted began again by itself (SA_RESTART), or was made again unseeing.
/// - The signal waits outside, since the process blocks it while it sleeps.
pub fn not_sleep_through(signal: Signal) -> Claim<impl Check> {
    claim(format!("not sleep through {signal}"), move |seen| {
        let hangs = |step: &Seen| step.event.what == What::Stuck;
        let end = seen.steps.iter().position(hangs);
        let end = end.or_else(|| (seen.outcome.exit == Exit::Deadline).then_some(seen.steps.len()));
        let Some(end) = end else { return Ok(()) };
        let steps = &seen.steps[..end];
        let sent = |step: &&Seen| matches!(step.event.what, What::Signalled { signal: sent, .. } if sent == signal as i32);
        for sent in steps.iter().filter(sent) {
            let task = sent.event.task;
            let after = |step: &&Seen| step.event.task == task && step.event.step > sent.event.step;
            let own: Vec<&Seen> = steps.iter().filter(after).collect();
            if let Some(verdict) = slept_through(steps, sent, &own, signal) {
                return Err(verdict);
            }
        }
        Ok(())
    })
}

/// How a task that was sent the signal came to sleep on it; `own` is what it did since.
fn slept_through(steps: &[Seen], sent: &Seen, own: &[&Seen], signal: Signal) -> Option<Verdict> {
    let who = sent.event.task;
    let sleep = steps.iter().rev().find(|step| {
        step.event.task == who && matches!(step.event.what, What::Sleeps | What::Leave { .. })
    })?;
    let blocked = sleep.blocked.as_ref()?;
    let caught = own.iter().find(|step| {
        step.event.what
            == What::Delivered { signal: signal as i32, disposition: Disposition::Handler }
    });
    let verdict = match caught {
        None if sleep.held_back.contains(&(signal as i32)) => Verdict::new(format!(
            "{signal} has come, and waits outside: {who} blocks it while it sleeps in {}.",
            blocked.call
        ))
        .saw(sent.to_string())
        .ask("Which call lets a signal in and sleeps, both in one step?"),
        None if own.iter().any(|step| step.event.what == ignored(signal)) => {
            Verdict::new(format!("{signal} has come, and nothing happens: {who} ignores it."))
                .saw(sent.to_string())
                .ask("What was set for it, and what should run when it comes?")
        }
        None => return None,
        // A handler that never returned.
        Some(_) if !sleep.handlers.is_empty() => return None,
        Some(caught) => {
            let interrupted = interrupted(own).filter(|call| next_call(own) == Some(call));
            match interrupted {
                Some(call) if has_restart(steps, who, signal) => {
                    Verdict::new(format!("The handler of {signal} ran, and then {call} began again by itself: {who} sleeps on."))
                        .saw(caught.to_string())
                        .ask("sigaction(2): what does SA_RESTART ask for, who sets it, and who looks at what the handler has noted?")
                }
                Some(call) => {
                    Verdict::new(format!("The handler of {signal} ran and interrupted {call}, and {who} calls it again at once."))
                        .saw(caught.to_string())
                        .ask("What does EINTR tell here, and what should be looked at before the next try?")
                }
                None if was_held_back(steps, sent, signal) => {
                    Verdict::new(format!("{signal} was let in one step before the sleep: its handler ran in between, and then {who} went to sleep on it."))
                        .saw(sent.to_string())
                        .saw(caught.to_string())
                        .ask("Which call lets a signal in and sleeps, both in one step?")
                }
                None => Verdict::new(format!("{signal} came before the sleep: its handler ran, and then {who} went to sleep on it."))
                    .saw(sent.to_string())
                    .saw(caught.to_string())
                    .ask("Who has looked, since then, at what the handler has noted? From where on must the signal wait outside, and which call lets it in and sleeps, both in one step?"),
            }
        }
    };
    let (step, call, awaited) = (sleep.event.step, &blocked.call, blocked.awaited());
    Some(verdict.saw(format!("step {step}: {who} sleeps in {call}, and waits for {awaited}")))
}

fn ignored(signal: Signal) -> What {
    What::Delivered { signal: signal as i32, disposition: Disposition::Ignore }
}

/// Whether a task has held the signal back before, and didn't when it was sent.
fn was_held_back(steps: &[Seen], sent: &Seen, signal: Signal) -> bool {
    let held = |step: &Seen| step.held_back.contains(&(signal as i32));
    let before =
        |step: &&Seen| step.event.task == sent.event.task && step.event.step < sent.event.step;
    !held(sent) && steps.iter().filter(before).any(held)
}

/// The call that the signal has interrupted.
fn interrupted<'a>(own: &[&'a Seen]) -> Option<&'a str> {
    own.iter().find_map(|step| match &step.event.what {
        What::Leave { name, result: Outcome::Interrupted, .. } => Some(name.as_str()),
        What::Leave { name, result: Outcome::Error(error), .. } if error == "EINTR" => {
            Some(name.as_str())
        }
        _ => None,
    })
}

/// The first call that is not made in a handler.
fn next_call<'a>(own: &[&'a Seen]) -> Option<&'a str> {
    own.iter().find_map(|step| match &step.event.what {
        What::Enter { name, .. } if step.handlers.is_empty() => Some(name.as_str()),
        _ => None,
    })
}

/// Whether this step sets what is done with the signal, and with SA_RESTART.
fn restarts(step: &Seen, signal: Signal) -> Option<bool> {
    match &step.event.what {
        What::Leave { name, arguments, .. } if name == "rt_sigaction" => {
            match arguments.as_slice() {
                [Argument::Signal(set), Argument::Action(what, restart, _), ..]
                    if *set == signal as i32 =>
                {
                    Some(*restart && *what == Disposition::Handler)
                }
                _ => None,
            }
        }
        _ => None,
    }
}

/// Whether what a task has set for the signal at last, or else anybody, asks for SA_RESTART.
fn has_restart(steps: &[Seen], task: Task, signal: Signal) -> bool {
    let set = |step: &Seen| restarts(step, signal);
    // A child has what its parent had set.
    let own = steps.iter().rev().filter(|step| step.event.task == task).find_map(set);
    own.or_else(|| steps.iter().rev().find_map(set)).unwrap_or_default()
}
