//! What the kernel must have seen of `five-children`.
//!
//! The children stay until the test ends standard input. So there is a moment at which everybody stands still, and the
//! family can be looked at for as long as that takes.

mod standing;

use grader::facts::*;
use grader::{Exit, Injection, Outcome, Policy, Run, Running, Seed, Seen, Verdict};
use standing::start;
use std::time::Duration;

/// Ends standard input and hears the rest.
fn release(mut running: Running) -> Outcome {
    running.tell(b"");
    running.finish()
}

/// The lines of the children: number, pid, and the pid of who made it.
fn told(outcome: &Outcome) -> Vec<(usize, i32, i32)> {
    let parse = |line: &str| {
        let line = line.strip_prefix("child ")?;
        let (number, line) = line.split_once(" is pid ")?;
        let (pid, maker) = line.split_once(", made by pid ")?;
        Some((number.parse().ok()?, pid.parse().ok()?, maker.parse().ok()?))
    };
    String::from_utf8_lossy(&outcome.stdout).lines().filter_map(parse).collect()
}

fn counts() -> (Seed, [usize; 2]) {
    let mut seed = Seed::of("five-children");
    let another = seed.random().usize(2..=4);
    (seed, [5, another])
}

#[test]
fn all_stand_side_by_side_as_children_of_the_program() {
    grader::worth(2);
    let (seed, counts) = counts();
    for count in counts {
        start(count, &seed);
    }
}

#[test]
fn the_parent_sleeps_while_they_stay() {
    grader::worth(1);
    let (_running, still) = start(5, &Seed::of("five-children"));
    let Some(parent) = still.program() else { return };
    if parent.sleeping_for_time() {
        Verdict::new(
            "The parent guesses by the clock: it sleeps for a time, whatever its children do.",
        )
        .saw(format!("{} {}", still.title(parent), still.describe(parent)))
        .ask("Which call sleeps exactly until a child has ended?")
        .fail();
    }
    if !parent.blocked() {
        Verdict::new(
            "The parent spins: it asks for ended children again and again, and never sleeps.",
        )
        .saw(format!("{} {}", still.title(parent), still.describe(parent)))
        .ask("What does WNOHANG change about wait, and does this parent have anything else to do?")
        .fail();
    }
    if parent.call == grader::Call::Hidden {
        grader::skip("the parent waits for its children", "/proc/PID/syscall cannot be read");
    }
}

#[test]
fn all_end_and_are_reaped() {
    grader::worth(2);
    let (seed, counts) = counts();
    for count in counts {
        let (running, _) = start(count, &seed);
        let outcome = release(running);
        outcome.must_end();
        must_have_told(&outcome, count, &seed);
        if outcome.left_behind.is_empty() {
            continue;
        }
        let left = outcome.left_behind.len();
        if left + 1 == count {
            Verdict::new(format!(
                "The parent was told once of {count} children and left {left} behind."
            ))
            .saw_all(outcome.who_was_left())
            .ask("For how many children does one successful wait speak?")
            .fail();
        }
        outcome.must_leave_nobody();
    }
}

/// Fails unless each child has said its line once, and the program its own, after them.
fn must_have_told(outcome: &Outcome, count: usize, seed: &Seed) {
    let told = told(outcome);
    let output = String::from_utf8_lossy(&outcome.stdout).into_owned();
    let program = outcome.snapshot.program.as_raw();
    let by_others: Vec<_> = told.iter().filter(|(_, _, maker)| *maker != program).collect();
    let mut numbers: Vec<usize> = told.iter().map(|(number, ..)| *number).collect();
    numbers.sort_unstable();
    let ends = output.matches("all children have ended\n").count();
    let verdict = if let Some((number, pid, maker)) = by_others.first() {
        Verdict::new("A child went on with the loop when its part was over, and made children of its own.")
            .saw(format!("pid {pid}, number {number}, was made by pid {maker}; the program is pid {program}"))
            .saw(format!("{} children have said their line; asked for: {count}", told.len()))
            .ask("What is the next line that a child runs after `stay` has returned, and whose work is that?")
    } else if numbers != (1..=count).collect::<Vec<_>>() {
        Verdict::new("The numbers of the children are wrong.")
            .saw(format!("asked for: 1 to {count}; seen: {numbers:?}"))
            .ask("With which number does the loop begin, and which one does each child get?")
    } else if ends == 2 {
        // As many as come back say it, and the program besides.
        Verdict::new("The last line came twice.")
            .saw("\"all children have ended\" was said 2 times")
            .ask("`main` says it when `fan_out` has returned. Who else says it, or comes back there as well?")
    } else if ends > 1 {
        Verdict::new("A child came back from `fan_out`, and went on as a second parent.")
            .saw(format!("\"all children have ended\" was said {ends} times"))
            .ask(
                "Where does a function return to in a process that was copied in the middle of it?",
            )
    } else if outcome.exit != Exit::Code(0) || !output.ends_with("all children have ended\n") {
        Verdict::new("Every child has ended, but the program does not report success.")
            .saw(outcome.ending())
            .saw_all(outcome.complaint())
            .ask("ECHILD means that nobody is left to wait for. Is that a failure here?")
    } else {
        return;
    };
    verdict.replay(seed).fail()
}

#[test]
fn each_ends_with_the_code_that_stay_returns() {
    grader::worth(1);
    let run = || {
        Run::new(grader::program!("five-children")).arg("3").recorded().policy(Policy::ChildFirst)
    };
    // A child may read elsewhere before it reads standard input: from a pipe by which all begin at the same time, say.
    let Some(before) = run().record() else { return };
    let mut reads = before
        .steps
        .iter()
        .filter(|step| step.event.task.to_string() == "P3" && step.begins() == Some("read"));
    let of_input = reads.position(|step| step.sentence.contains("read(0, ")).unwrap_or_default();
    // The second child to be made can't read, and the others find the end of standard input at once.
    let fails = format!("P3:read:{}=EIO", of_input + 1);
    let fails = Injection::fail(&fails).expect("it is well written");
    let Some(seen) = run().inject(fails).record() else { return };
    seen.must(end_by_itself());
    let codes = if seen.unmet.is_empty() { [0, 0, 1] } else { [0; 3] };
    seen.must(have_children_exit_with(codes));
    if seen.unmet.is_empty() && seen.outcome.exit != Exit::Code(0) {
        let waits = |step: &&Seen| matches!(step.returns(), Some("wait4" | "waitid"));
        Verdict::new("The program does not report success where one of its children exits with 1.")
            .saw_all(seen.steps.iter().filter(waits).take(4).map(ToString::to_string))
            .saw(seen.outcome.ending())
            .saw_all(seen.outcome.complaint())
            .ask("Has a wait failed that tells of the code 1? And what is `fan_out` to wait for?")
            .fail();
    }
}

#[test]
fn nobody_gets_up_by_the_clock_or_ends_a_child() {
    grader::worth(1);
    for until in ["", "=P1:wait4:2"] {
        // The parent goes on until it sleeps, or asks once more in vain; who looks at a flag before a pause is held in between.
        let holds = [
            "P1:pause:1=P3:exit_group:1".to_owned(),
            format!("P2:read:1{until}"),
            format!("P3:read:1{until}"),
        ];
        let holds = holds.map(|it| Injection::hold(&it).expect("it is well written"));
        let run = Run::new(grader::program!("five-children")).arg("2");
        let run = run.deadline(Duration::from_secs(3)).recorded().policy(Policy::ParentFirst);
        let Some(seen) = holds.into_iter().fold(run, grader::Recording::inject).record() else {
            return;
        };
        seen.must(set_no_timeout()).must(set_no_timer()).must(end_by_itself());
        seen.must(not_trust_the_end_of_a_pipe());
        seen.must(have_children_exit_with([0; 2])).must(exit_with(0));
    }
}
