//! What the kernel must have seen of `orphan-adopt`.
//!
//! The process in the middle ends at a gate, so the test decides when the orphan becomes one. Whoever speaks of
//! an adoption before that guesses.

mod family;

use family::{Adopter, Family, start};
use grader::facts::*;
use grader::{Exit, Outcome, Policy, Process, Recorded, Run, Snapshot, State, Verdict};
use std::time::Duration;

/// The pid of the line `adopted by pid P`, if it came.
fn told(outcome: &Outcome) -> Vec<String> {
    let text = String::from_utf8_lossy(&outcome.stdout).into_owned();
    text.lines()
        .filter_map(|line| line.strip_prefix("adopted by pid ").map(str::to_owned))
        .collect()
}

/// Fails if the orphan has spoken, or has ended, while its parent stands at the gate.
fn must_not_have_spoken(family: Family) -> Family {
    // It ends after its line, so that there is nothing to read before.
    if family.orphan.state != State::Zombie {
        must_not_go_by_a_pipe(&family);
        return family;
    }
    let Family { mut running, middle, orphan, .. } = family;
    let said = running.line().unwrap_or_default();
    Verdict::new("The orphan spoke while its parent was still alive: it was none yet.")
        .saw(format!("pid {} is still at its gate", middle.pid))
        .saw(format!("pid {}, its child, has said {said:?} and ended", orphan.pid))
        .ask("When does a process get another parent, and who can know that it has happened?")
        .fail()
}

/// Fails if the orphan hears of the middle's end by a pipe of which only the middle has the other end.
fn must_not_go_by_a_pipe(Family { running, middle, orphan, .. }: &Family) {
    let now = running.snapshot();
    let Some(pipe) = now.hears_only_by_a_pipe(orphan, middle.pid) else { return };
    let end = pipe.kind();
    Verdict::new(format!(
        "The orphan takes the end of {end} for its parent's end: that comes before."
    ))
    .saw(format!("pid {} {}", orphan.pid, now.describe(orphan)))
    .saw(format!(
        "the middle, pid {}, has the only write end of {}",
        middle.pid,
        pipe.name.display()
    ))
    .saw("who ends has its descriptors closed first; later its children get another parent")
    .ask("Who knows for certain that the middle has ended, and so could ring?")
    .fail();
}

/// Opens the gate, hears the rest, and checks who was said to be the parent.
fn must_name_the_adopter(adopter: Adopter) {
    let family = must_not_have_spoken(start(adopter));
    let Family { running, mut gate, middle, orphan, adopter: expected } = family;
    let before = running.snapshot();
    gate.open(1);
    let outcome = running.finish();
    if outcome.exit == Exit::Deadline && told(&outcome).is_empty() {
        never_told(&outcome.snapshot, &orphan);
    }
    outcome.must_end();
    outcome.must_come_back_once("make_orphan", "the middle and its child have ended");
    let told = told(&outcome);
    let facts = |verdict: Verdict| {
        verdict
            .saw(format!(
                "the family was: program {}, middle {}, orphan {}",
                before.program, middle.pid, orphan.pid
            ))
            .saw(format!("the middle has ended; the kernel gives its child to pid {expected}"))
            .saw(format!("said: {told:?}"))
            .saw_all(outcome.complaint())
    };
    let verdict = match told.as_slice() {
        [pid] if *pid == expected.to_string() => {
            return must_be_clean(&outcome, middle.pid.as_raw());
        }
        [] => Verdict::new("Nobody said by whom the orphan was adopted.").saw(outcome.ending()),
        [_, _, ..] => Verdict::new("The line came more than once."),
        [pid] if *pid == middle.pid.to_string() => {
            Verdict::new("The orphan named its old parent, which has ended.")
                .ask("When was the kernel asked for the parent, and what happened after that?")
        }
        [pid] if pid == "1" => Verdict::new("The orphan named pid 1, which did not adopt it.")
            .ask("Who else can be given an orphan? prctl(2) has the word for it."),
        [pid] if *pid == before.program.to_string() => {
            Verdict::new("The orphan named the program, which did not adopt it.")
                .ask("Is a grandparent the next in line? What would it have to have declared?")
        }
        [_] => Verdict::new("The orphan named a process that did not adopt it.")
            .ask("Which process asked for its parent's pid?"),
    };
    facts(verdict).fail()
}

/// Fails because the orphan's gate-keeper has ended and it says nothing.
fn never_told(now: &Snapshot, orphan: &Process) -> ! {
    let spins = now.get(orphan.pid).is_some_and(|p| p.state == State::Running);
    let verdict = if spins {
        Verdict::new("The orphan has a new parent, and goes on asking for another one.")
    } else {
        Verdict::new("The orphan has a new parent, and does not say so.")
    };
    verdict
        .saw_all(
            now.get(orphan.pid).map(|p| format!("pid {} is a child of pid {}", p.pid, p.parent)),
        )
        .saw_all(now.explain())
        .ask("What does the orphan wait for, and can that still happen?")
        .fail()
}

/// Fails unless the program has reaped its own child, and succeeded.
fn must_be_clean(outcome: &Outcome, middle: i32) {
    if outcome.left_behind.iter().any(|p| p.pid.as_raw() == middle) {
        Verdict::new("The orphan was adopted, and the process in the middle was never reaped.")
            .saw_all(outcome.who_was_left())
            .ask("Whose child is the one in the middle, and what is it as long as nobody asks for its end?")
            .fail();
    }
    if outcome.exit != Exit::Code(0) {
        Verdict::new("The orphan was adopted, but the program does not report success.")
            .saw(outcome.ending())
            .saw_all(outcome.complaint())
            .ask("Which call failed, and in which process?")
            .fail();
    }
}

#[test]
fn the_orphan_names_whoever_has_adopted_it() {
    grader::worth(2);
    must_name_the_adopter(Adopter::Above);
}

#[test]
fn a_subreaper_comes_first() {
    grader::worth(1);
    must_name_the_adopter(Adopter::Program);
}

#[test]
fn the_orphan_sleeps_until_it_is_one() {
    grader::worth(2);
    let family = must_not_have_spoken(start(Adopter::Above));
    let orphan = &family.orphan;
    let now = family.running.snapshot();
    let seen =
        format!("its parent stands at the gate, and pid {} {}", orphan.pid, now.describe(orphan));
    if orphan.sleeping_for_time() {
        Verdict::new(
            "The orphan goes by the clock: it sleeps for a time, whatever its parent does.",
        )
        .saw(seen)
        .ask("Who can tell it that it has a new parent, instead of it looking or guessing?")
        .fail();
    }
    // One that has stopped itself sleeps, too, until somebody has it go on.
    if !orphan.blocked() && orphan.state != State::Stopped {
        Verdict::new("The orphan spins: it asks again and again who its parent is.")
            .saw(seen)
            .ask("Who knows that the parent has ended, and how could they let the orphan know?")
            .fail();
    }
    if orphan.call == grader::Call::Hidden {
        grader::skip("the orphan sleeps until it is one", "/proc/PID/syscall cannot be read");
    }
}

#[test]
fn one_whose_parent_has_ended_before_is_an_orphan_too() {
    grader::worth(1);
    // A gate that stands open, and an orphan that is always the last to go on: the middle has ended before it does anything.
    let Some(seen) = recorded(Policy::ParentFirst) else { return };
    seen.must(end_by_itself()).must(leave_to_its_children("adopted by pid")).must(exit_with(0));
    if told(&seen.outcome).len() != 1 {
        Verdict::new(
            "The orphan had a new parent before it went on, and its line did not come once.",
        )
        .saw(format!("said: {:?}", told(&seen.outcome)))
        .saw_all(seen.outcome.complaint())
        .ask("What does the orphan do first, and may the middle have ended by then?")
        .fail();
    }
}

fn recorded(policy: Policy) -> Option<Recorded> {
    let run = Run::new(grader::program!("orphan-adopt")).args(["/dev/null", "adopt"]);
    run.deadline(Duration::from_secs(3)).recorded().policy(policy).record()
}

#[test]
fn one_that_is_always_first_to_go_on_is_an_orphan_when_it_speaks() {
    grader::worth(1);
    let Some(seen) = recorded(Policy::ChildFirst) else { return };
    seen.must(set_no_timeout()).must(set_no_timer()).must(end_by_itself()).must(exit_with(0));
    if let Some(step) = seen.steps.iter().find(|it| it.sentence.contains("adopted by pid P2")) {
        let is_end = |it: &&grader::Seen| it.is_end() && it.event.task.to_string() == "P2";
        let end = seen.steps.iter().find(is_end).filter(|end| end.event.step < step.event.step);
        let verdict = match end {
            Some(end) => Verdict::new("The orphan names the middle (P2), which has ended: it asked for its parent before that.")
                .saw(end.to_string())
                .ask("When was the kernel asked for the parent, and what has happened since?"),
            None => Verdict::new("The orphan speaks while the middle (P2) is still there: it was woken before that had ended.")
                .ask("What is the last thing that the middle does, and who knows when it has ended?"),
        };
        verdict.saw(step.to_string()).fail();
    }
}
