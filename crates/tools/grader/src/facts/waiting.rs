//! Facts about waiting: who sleeps in which call, who spins, who hangs.

use super::met::{SLEEPS, WAITS};
use super::{Check, Claim, claim};
use crate::{Exit, Recorded, Seen, Verdict};
use std::collections::HashMap;
use trace::call::Argument;
use trace::event::Outcome;
use trace::why::{self, Wait};
use trace::{Task, What};

/// So many answers "nothing yet" in a row are asking again and again.
pub(super) const SPINS: usize = 3;
/// Calls that only ask what a descriptor leads to, as a library does before it reads: who makes them in between asks in vain all the same.
const MERE_LOOKS: [&str; 4] = ["fstat", "statx", "newfstatat", "lseek"];

/// The program comes to an end of its own. What keeps it from that is told: who is blocked in which call on
/// what, and who holds the other end.
pub fn end_by_itself() -> Claim<impl Check> {
    claim("end by itself", ends)
}

pub(super) fn ends(seen: &Recorded) -> Result<(), Verdict> {
    if let Some(verdict) = outlived(seen) {
        return Err(verdict);
    }
    let cause = match seen.outcome.exit {
        Exit::TooMuchOutput => "The program was stopped: it wrote more output than it may.",
        Exit::Deadline => "The program had not ended when its time was up.",
        _ if !seen.stuck.is_empty() => {
            "The program hangs: everybody sleeps, and nothing can wake anybody."
        }
        _ => return Ok(()),
    };
    let last = || seen.steps.iter().rev().take(2).rev().map(ToString::to_string).collect();
    let evidence: Vec<String> = if seen.stuck.is_empty() { last() } else { seen.stuck.clone() };
    Err(Verdict::new(cause)
        .saw_all(evidence.into_iter().take(6))
        .ask("What would have to happen for the program to go on, and who would do it?"))
}

/// What is told where the first process has ended, and others sleep on whom nobody wakes.
fn outlived(seen: &Recorded) -> Option<Verdict> {
    // Those who hang are ended after that.
    let before = seen.steps.iter().take_while(|step| step.event.what != What::Stuck);
    let mut ends = before.filter(|step| matches!(step.event.what, What::Ended { .. }));
    let end = ends.find(|step| step.event.task == Task(1)).filter(|_| !seen.stuck.is_empty())?;
    Some(Verdict::new("The program is gone, and others that it has made live on: they sleep, and nothing can wake them.")
        .saw(end.to_string())
        .saw_all(seen.stuck.iter().take(5).cloned())
        .ask("What do they wait for, and who was to give it to them before the program ended?"))
}

/// Somebody sleeps in this call: `wait4`, `poll`.
pub fn block_in(call: &'static str) -> Claim<impl Check> {
    claim(format!("block in {call}"), move |seen| {
        let mut slept = seen.steps.iter().filter_map(|step| Some((step, step.blocked.as_ref()?)));
        if slept.clone().any(|(_, blocked)| blocked.call.split('(').next() == Some(call)) {
            return Ok(());
        }
        let first = slept
            .next()
            .map_or_else(|| "nobody sleeps in any call".into(), |(step, _)| step.to_string());
        Err(Verdict::new(format!("Nobody ever sleeps in {call}."))
            .saw(first)
            .ask("Which call returns exactly when there is something to do?"))
    })
}

/// Nobody asks again and again for what is not there yet.
pub fn never_spin() -> Claim<impl Check> {
    claim("never spin", spins)
}

pub(super) fn spins(seen: &Recorded) -> Result<(), Verdict> {
    let mut in_vain: HashMap<Task, (&str, Vec<&Seen>)> = HashMap::new();
    for step in &seen.steps {
        let What::Leave { name, result, arguments } = &step.event.what else { continue };
        if MERE_LOOKS.contains(&name.as_str()) {
            continue;
        }
        let (last, asks) = in_vain.entry(step.event.task).or_default();
        if *last != name || !nothing_yet(name, result, arguments) {
            asks.clear();
        }
        *last = name;
        if nothing_yet(name, result, arguments) {
            asks.push(step);
        }
        if asks.len() >= SPINS {
            return Err(Verdict::new(format!(
                "{} spins: it asks again and again with {name}, and never sleeps.",
                step.event.task
            ))
            .saw_all(asks.iter().map(ToString::to_string))
            .ask("Which call, or which flag of this one, makes it sleep exactly until the answer is there?"));
        }
    }
    Ok(())
}

/// Whether a call has answered "nothing yet" at once.
pub(crate) fn nothing_yet(name: &str, result: &Outcome, arguments: &[Argument]) -> bool {
    const WNOHANG: u64 = 1;
    let asks = |place: usize| matches!(arguments.get(place), Some(Argument::Flags(bits)) if bits & WNOHANG != 0);
    match (name, result) {
        (_, Outcome::Error(error)) => error == "EAGAIN",
        ("wait4", Outcome::Value(0)) => asks(2),
        ("waitid", Outcome::Value(0)) => asks(3),
        ("sched_yield", _) => true,
        _ => false,
    }
}

/// Nobody sleeps for a time only, to look afterwards whether something has happened. A call that lets a signal in for as long as it
/// sleeps, as ppoll(2) does, waits for that one as well.
pub fn never_sleep_by_the_clock() -> Claim<impl Check> {
    claim("never sleep by the clock", |seen| match by_the_clock(seen).first() {
        None => Ok(()),
        Some(at) => Err(sleeps_by_the_clock(&seen.steps[*at])),
    })
}

/// The same, where a time that is over is news itself: another task than the first may sleep for it as a whole, as a clock that tells the first one,
/// and does not look then whether something else has happened.
pub fn never_look_by_the_clock() -> Claim<impl Check> {
    claim("never sleep by the clock, to look afterwards", |seen| {
        let looks = |at: &usize| {
            let task = seen.steps[*at].event.task;
            let next = seen.steps[*at..]
                .iter()
                .find_map(|step| step.begins().filter(|_| step.event.task == task));
            task == Task(1) || next.is_some_and(is_look)
        };
        match by_the_clock(seen).into_iter().find(looks) {
            None => Ok(()),
            Some(at) => Err(sleeps_by_the_clock(&seen.steps[at])),
        }
    })
}

/// Calls that ask whether a child has ended, and those that sleep once more.
fn is_look(call: &str) -> bool {
    ["wait4", "waitid"].contains(&call) || SLEEPS.contains(&call) || WAITS.contains(&call)
}

fn sleeps_by_the_clock(step: &Seen) -> Verdict {
    let call = step.blocked.as_ref().map_or("a call", |blocked| blocked.call.as_str());
    Verdict::new(format!("{} sleeps by the clock, in {call}.", step.event.task))
        .saw(step.to_string())
        .ask("What is it waiting for, and which call sleeps exactly until that has happened?")
}

/// The steps with which somebody goes to sleep for a time only.
fn by_the_clock(seen: &Recorded) -> Vec<usize> {
    let time = |wait: &Wait| matches!(wait, Wait::Time(_));
    let is = |place: &usize| {
        let step = &seen.steps[*place];
        step.blocked.as_ref().is_some_and(|blocked| {
            let untimed = blocked.waits.is_empty() && blocked.at_most.is_none();
            !untimed && blocked.waits.iter().all(time)
        }) && !lets_a_signal_in(&seen.steps[..*place], step)
    };
    (0..seen.steps.len()).filter(is).collect()
}

/// Nobody's sleep has an end by the clock, whatever else it waits for: there is no timeout in it.
pub fn set_no_timeout() -> Claim<impl Check> {
    claim("set no timeout", |seen| {
        let timed = |step: &&Seen| {
            let time = |wait: &Wait| matches!(wait, Wait::Time(_));
            let ends_so = |blocked: &why::Blocked| {
                blocked.at_most.is_some() || blocked.waits.iter().any(time)
            };
            // What a futex's timeout was is told only where it was over: as at a condition, a channel or a parked thread.
            step.blocked.as_ref().is_some_and(ends_so) || took_too_long(step)
        };
        let Some(step) = seen.steps.iter().find(timed) else { return Ok(()) };
        Err(Verdict::new(format!(
            "{} gets up by the clock, to look whether something has happened.",
            step.event.task
        ))
        .saw(step.to_string())
        .ask("What is it waiting for, and which call sleeps exactly until that has happened?"))
    })
}

/// Whether a call has ended because its time was over: seen even where nobody has looked while it slept.
fn took_too_long(step: &Seen) -> bool {
    let What::Leave { name, result: Outcome::Error(error), arguments } = &step.event.what else {
        return false;
    };
    let timed = || arguments.iter().any(|it| matches!(it, Argument::Time(1..)));
    error == "ETIMEDOUT" || name == "rt_sigtimedwait" && error == "EAGAIN" && timed()
}

/// Nobody sets a timer, whose signal, or readiness, ends a sleep by the clock as a timeout does.
pub fn set_no_timer() -> Claim<impl Check> {
    // A timer that is a descriptor is told of where it is made.
    const SETS: [&str; 4] = ["alarm", "setitimer", "timer_settime", "timerfd_create"];
    claim("set no timer", |seen| {
        let sets = |step: &&Seen| matches!(&step.event.what, What::Enter { name, .. } if SETS.contains(&name.as_str()));
        let Some(step) = seen.steps.iter().find(sets) else { return Ok(()) };
        Err(Verdict::new(format!(
            "{} sets a timer, to get up by the clock and look whether something has happened.",
            step.event.task
        ))
        .saw(step.to_string())
        .ask("What is it waiting for, and which call sleeps exactly until that has happened?"))
    })
}

/// Whether a task that falls asleep has a handler for a signal that was held back until this call.
fn lets_a_signal_in(before: &[Seen], sleeps: &Seen) -> bool {
    let enters = |step: &&Seen| {
        step.event.task == sleeps.event.task && matches!(step.event.what, What::Enter { .. })
    };
    let Some(place) = before.iter().rposition(|step| enters(&step)) else { return false };
    let own = |step: &&Seen| step.event.task == sleeps.event.task;
    let Some(last) = before[..place].iter().rev().find(own) else { return false };
    let let_in =
        |signal: &i32| last.held_back.contains(signal) && !sleeps.held_back.contains(signal);
    sleeps.caught.iter().any(let_in)
}
