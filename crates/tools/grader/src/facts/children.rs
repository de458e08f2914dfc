//! Facts about processes: who makes whom, and who waits for whom.

use super::waiting::nothing_yet;
use super::{Check, Claim, claim, in_the_end};
use crate::{Recorded, Seen, Verdict};
use trace::event::{Outcome, Status};
use trace::{Task, What};

/// The life of a process, as far as others see it.
struct Life<'a> {
    task: Task,
    /// The process, whichever of its threads has made it: all of them may wait for it.
    parent: Task,
    born: &'a Seen,
    ended: Option<&'a Seen>,
    reaped: Option<&'a Seen>,
}

impl Life<'_> {
    /// How it came to nobody's waiting for it, with what its parent did meanwhile.
    fn unreaped(&self, parent: &[Option<&Seen>]) -> Vec<String> {
        let own = [Some(self.born), self.ended];
        let mut steps: Vec<_> = own.iter().chain(parent).copied().flatten().collect();
        steps.sort_by_key(|step| step.event.step);
        steps.iter().map(ToString::to_string).collect()
    }
}

/// Every process but the first.
fn lives(seen: &Recorded) -> Vec<Life<'_>> {
    let mut lives: Vec<Life<'_>> = Vec::new();
    for step in &seen.steps {
        let task = step.event.task;
        if let What::Born { parent, process, .. } = step.event.what
            && process == task
        {
            let parent = seen.of(parent).next().map_or(parent, |step| step.process);
            lives.push(Life { task, parent, born: step, ended: None, reaped: None });
        }
        let Some(life) = lives.iter_mut().find(|life| life.task == task) else { continue };
        match step.event.what {
            What::Ended { .. } => life.ended = Some(step),
            What::Reaped { .. } => life.reaped = Some(step),
            _ => {}
        }
    }
    lives
}

fn end_of(seen: &Recorded, task: Task) -> Option<&Seen> {
    seen.of(task).find(|step| matches!(step.event.what, What::Ended { .. }))
}

/// A call of this process that asked, without waiting, whether a child has ended, when none had.
fn looks(seen: &Recorded, parent: Task) -> Option<&Seen> {
    seen.steps.iter().filter(|step| step.process == parent).find(|step| match &step.event.what {
        What::Leave { name, result, arguments } => {
            matches!(&**name, "wait4" | "waitid") && nothing_yet(name, result, arguments)
        }
        _ => false,
    })
}

/// Each process that makes children has waited for all of them before it ends, or has left that to the
/// kernel by ignoring SIGCHLD (wait(2)).
pub fn reap_every_child() -> Claim<impl Check> {
    in_the_end("reap every child", |seen| {
        for life in lives(seen) {
            let end = end_of(seen, life.parent);
            let before = |step: &&Seen| end.is_none_or(|end| step.event.step < end.event.step);
            if life.reaped.filter(before).is_some() {
                continue;
            }
            let Life { task, parent, .. } = life;
            let look = looks(seen, parent);
            let verdict = if life.ended.filter(before).is_some() {
                Verdict::new(format!("A child stays a zombie: nobody reaps {task}."))
                    .ask("How many children does one wait take, and how many are there?")
            } else {
                let (what, ask) = match look {
                    Some(_) => (
                        ": it looks whether that has ended, and does not wait for it",
                        "With WNOHANG a wait returns at once. What will the child have done by then?",
                    ),
                    None => (
                        ", and never waits for it",
                        "Which call lets a parent sleep until its child has ended?",
                    ),
                };
                Verdict::new(format!("{parent} ends before its child {task}{what}.")).ask(ask)
            };
            return Err(verdict.saw_all(life.unreaped(&[look, end])));
        }
        Ok(())
    })
}

/// The program's first child is reaped before the program ends; what that child has made may live on.
pub fn reap_the_first_child() -> Claim<impl Check> {
    in_the_end("reap its first child", |seen| {
        let Some(end) = end_of(seen, Task(1)) else { return Ok(()) };
        let lives = lives(seen);
        let Some(first) = lives.iter().find(|life| life.parent == Task(1)) else { return Ok(()) };
        if first.reaped.is_some_and(|reaped| reaped.event.step < end.event.step) {
            return Ok(());
        }
        let task = first.task;
        Err(Verdict::new(format!("The program does not wait until {task} has ended, where that takes a while."))
            .saw_all(first.unreaped(&[Some(end)]))
            .ask("Which call sleeps until a child has ended? And what does a sleep know of it, or a call with WNOHANG?"))
    })
}

/// A process that has a child which was stopped, and goes on, does not end before that: that it goes on is no end, even where a wait tells of it
/// (wait(2), WCONTINUED).
pub fn stay_for_a_continued_child() -> Claim<impl Check> {
    claim("stay for a child that goes on", |seen| {
        for life in lives(seen) {
            let goes_on =
                seen.of(life.task).filter(|step| step.event.what == What::Continued).last();
            let (Some(goes_on), Some(end)) = (goes_on, end_of(seen, life.parent)) else { continue };
            let ended = life.ended.is_some_and(|ended| ended.event.step < end.event.step);
            if goes_on.event.step < end.event.step && !ended {
                let (parent, task) = (life.parent, life.task);
                return Err(Verdict::new(format!(
                    "{parent} ends when its child {task}, which was stopped, goes on: it has not ended yet."
                ))
                .saw_all([goes_on, end].map(ToString::to_string))
                .saw_all(seen.outcome.complaint())
                .ask("wait(2): of which changes do the flags let this call tell, and after which of them will there be no other?"));
            }
        }
        Ok(())
    })
}

/// When the program's first process ends, no other one is there, neither alive nor as a zombie.
pub fn leave_nobody() -> Claim<impl Check> {
    in_the_end("leave nobody behind", |seen| {
        let Some(end) = end_of(seen, Task(1)) else { return Ok(()) };
        let before = |step: Option<&Seen>| step.is_some_and(|s| s.event.step < end.event.step);
        let lives = lives(seen);
        let left: Vec<_> =
            lives.iter().filter(|l| before(Some(l.born)) && !before(l.reaped)).collect();
        if left.is_empty() {
            return Ok(());
        }
        let how = |life: &&Life<'_>| {
            let state = if before(life.ended) { "has ended, and is a zombie" } else { "is alive" };
            format!("{} {state}", life.task)
        };
        let count = trace::names::count(left.len() as u64, "process", "processes");
        Err(Verdict::new(format!(
            "The program does not wait for everybody: it leaves {count} behind."
        ))
        .saw(end.to_string())
        .saw_all(left.iter().take(4).map(how))
        .ask("Who reaps a child, and what does the parent do in the meantime?"))
    })
}

/// No child waits for children without ever having made one: who does that goes on with the lines of its parent.
pub fn wait_as_a_parent_only() -> Claim<impl Check> {
    claim("wait for children as a parent only", |seen| {
        let lives = lives(seen);
        let in_vain = |step: &&Seen| {
            let What::Leave { name, result: Outcome::Error(error), .. } = &step.event.what else {
                return false;
            };
            let made = |life: &Life<'_>| [step.process, step.event.task].contains(&life.parent);
            matches!(name.as_str(), "wait4" | "waitid")
                && error == "ECHILD"
                && lives.iter().any(|life| life.task == step.process)
                && !lives.iter().any(made)
        };
        let Some(step) = seen.steps.iter().find(in_vain) else { return Ok(()) };
        let who = step.process;
        Err(Verdict::new(format!(
            "{who} waits for a child, and has none: it goes on with its parent's lines."
        ))
        .saw_all(lives.iter().find(|life| life.task == who).map(|life| life.born.to_string()))
        .saw(step.to_string())
        .ask("Which processes come to the lines behind the fork, and where was the child to end?"))
    })
}

/// So many processes are made, and all of them by the first one: a fan, and no chain.
pub fn make_children(number: usize) -> Claim<impl Check> {
    claim(format!("make {number} children"), move |seen| {
        let lives = lives(seen);
        let own = lives.iter().filter(|life| life.parent == Task(1)).count();
        if own == number && lives.len() == number {
            return Ok(());
        }
        let all = lives.len();
        Err(Verdict::new(if all == own {
            format!("The program makes {own} children, and {number} are asked for.")
        } else {
            format!("Of {all} processes, {own} are the first one's own children; {number} should be, and no others.")
        })
        .saw_all(lives.iter().take(6).map(|life| life.born.to_string()))
        .ask("Which processes come to the line with the fork, and how often?"))
    })
}

/// The other processes, those that the first one has made, exit with these codes, in whichever order they end.
pub fn have_children_exit_with(codes: impl Into<Vec<u8>>) -> Claim<impl Check> {
    let mut expected = codes.into();
    expected.sort_unstable();
    in_the_end(format!("have children exit with {expected:?}"), move |seen| {
        let lives = lives(seen);
        let ends: Vec<_> = lives.iter().filter_map(|life| life.ended).collect();
        let code = |end: &&Seen| match end.event.what {
            What::Ended { status: Status::Code(code) } => Some(code),
            _ => None,
        };
        let mut found: Vec<u8> = ends.iter().filter_map(code).collect();
        found.sort_unstable();
        if found == expected {
            return Ok(());
        }
        let is_killed =
            |end: &&&Seen| matches!(end.event.what, What::Ended { status: Status::Signal(_) });
        let verdict = match ends.iter().find(is_killed) {
            Some(end) => Verdict::new(format!(
                "{} never comes to its own end: a signal kills it.",
                end.event.task
            ))
            .ask("Who was to say when a child ends, and who has said it here?"),
            None => Verdict::new("The children exit otherwise than they should.")
                .ask("Who reads a child's exit code, and from which line does it come?"),
        };
        Err(verdict
            .saw(format!("expected, in whichever order: {expected:?}"))
            .saw_all(ends.iter().take(6).map(ToString::to_string)))
    })
}

/// The first process ends with this exit code.
pub fn exit_with(code: u8) -> Claim<impl Check> {
    in_the_end(format!("exit with {code}"), move |seen| {
        let end = end_of(seen, Task(1));
        match end.map(|step| &step.event.what) {
            Some(What::Ended { status: Status::Code(found) }) if *found == code => Ok(()),
            _ => Err(Verdict::new(format!("The program does not exit with {code}."))
                .saw_all(end.map(ToString::to_string))
                .saw_all(seen.outcome.complaint())
                .ask("Which process ends like that, and where?")),
        }
    })
}
