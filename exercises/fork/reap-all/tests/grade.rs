//! What the kernel must have seen of `reap-all`.
//!
//! Nothing here goes by the clock: the children stand at named pipes, the test opens one pipe after the other in a
//! random order, and goes on when it has seen what must follow.

use grader::facts::*;
use grader::{
    Exit, Gates, Injection, Interrupted, Outcome, Policy, Process, Run, Running, Seed, State,
    Verdict,
};
use nix::sys::signal::Signal;
use std::time::Duration;

const CHILDREN: usize = 4;

/// Starts the program and waits until a child stands at every gate. The seed comes along for the order.
fn start(name: &str) -> (Running, Gates, Seed) {
    let mut gates = Gates::new(CHILDREN);
    let mut running = Run::new(grader::program!("reap-all")).args(gates.paths()).start();
    if let Err(why) = running.until(|_| (gates.arrived() == CHILDREN).then_some(())) {
        let there = gates.arrived();
        let outcome = finish(running, why);
        Verdict::new(format!("Only {there} of {CHILDREN} children have come to their gates."))
            .saw(outcome.ending())
            .saw_all(if why == Interrupted::Ended {
                outcome.who_was_left()
            } else {
                outcome.snapshot.explain()
            })
            .ask("What does the parent do between the first fork and the last?")
            .fail();
    }
    (running, gates, Seed::of(name))
}

/// The outcome of a run that was interrupted; a program that panicked or flooded us ends the test here.
fn finish(running: Running, why: Interrupted) -> Outcome {
    let outcome = running.finish();
    if why != Interrupted::Deadline {
        outcome.must_end();
    }
    outcome
}

/// An order in which waiting for one child after the other, in either direction, goes wrong at once.
fn order(seed: &mut Seed) -> Vec<usize> {
    let mut order: Vec<usize> = (1..=CHILDREN).collect();
    while [1, CHILDREN].contains(&order[0]) {
        seed.random().shuffle(&mut order);
    }
    order
}

/// The next line that tells of a child; the program may say other things as well.
fn next_line(running: &mut Running) -> Result<String, Interrupted> {
    loop {
        let line = running.line()?;
        if line.starts_with("child ") {
            return Ok(line);
        }
    }
}

#[test]
fn each_child_is_told_as_it_ends() {
    grader::worth(2);
    let (mut running, mut gates, mut seed) = start("reap-all");
    let order = order(&mut seed);
    for (told, &number) in order.iter().enumerate() {
        gates.open(number);
        let expected = format!("child {number} exited with {number}");
        match next_line(&mut running) {
            Ok(line) if line == expected => {}
            Ok(line) if line == format!("child {number} exited with {}", number << 8) => {
                Verdict::new("The wait status was taken for the exit code.")
                    .saw(format!("expected {expected:?}"))
                    .saw(format!("got      {line:?}"))
                    .ask("How else can a child end than by exiting, and where in the status is the code?")
                    .replay(&seed)
                    .fail()
            }
            Ok(line) => Verdict::new(format!(
                "Child {number} has ended, but the program tells of it wrongly."
            ))
            .saw(format!("expected {expected:?}"))
            .saw(format!("got      {line:?}"))
            .ask("What did wait return, and which child has that pid?")
            .replay(&seed)
            .fail(),
            Err(why) => no_line(&finish(running, why), why, number, told).replay(&seed).fail(),
        }
    }
    if let Ok(line) = next_line(&mut running) {
        Verdict::new(format!("There were {CHILDREN} children, and the program tells of one more."))
            .saw(format!("after the last one came {line:?}"))
            .ask("How does the parent know that nobody is left to wait for?")
            .fail();
    }
    let outcome = running.finish();
    outcome.must_end();
    outcome.must_leave_nobody();
    if outcome.exit != Exit::Code(0) {
        Verdict::new("Every child was told of, but the program does not report success.")
            .saw(outcome.ending())
            .saw_all(outcome.complaint())
            .ask("ECHILD means that nobody is left to wait for. Is that a failure here?")
            .fail();
    }
}

/// Why the line of child `number`, which can go now, did not come.
fn no_line(outcome: &Outcome, why: Interrupted, number: usize, told: usize) -> Verdict {
    let zombies = outcome.snapshot.others().filter(|p| p.state == State::Zombie).count();
    let alive = outcome.snapshot.others().count() - zombies;
    match why {
        Interrupted::Ended => Verdict::new(format!(
            "The program ended after telling of {told} of its {CHILDREN} children."
        ))
        .saw(outcome.ending())
        .saw_all(outcome.who_was_left())
        .ask("For how many children does one successful wait speak?"),
        _ if alive > CHILDREN - told - 1 => {
            Verdict::new(format!("Gate {number} was opened and closed, but its child has not ended."))
                .saw_all(outcome.snapshot.explain())
                .ask("What does the child do after its gate, and who else could hold it up?")
        }
        _ if zombies > 0 => Verdict::new(format!("Child {number} has ended, and the program has not reaped it."))
            .saw_all(outcome.snapshot.explain())
            .ask("Can the parent know which child will end first? What could it ask the kernel for instead?"),
        _ if ignores_ends(outcome) => Verdict::new(format!(
            "SIGCHLD is ignored: the kernel reaps child {number} itself, and tells nobody how it ended."
        ))
        .saw_all(outcome.snapshot.explain())
        .ask("wait(2), NOTES: what does wait return for children whose end nobody wanted to hear of?"),
        _ => Verdict::new(format!("Child {number} has ended and was reaped, but its line did not come."))
            .saw_all(outcome.snapshot.explain())
            .ask("What does the parent wait for before it prints? And when does a line leave the buffer that it is put into?"),
    }
}

fn ignores_ends(outcome: &Outcome) -> bool {
    outcome.snapshot.program().is_some_and(|p| p.signals.ignored.contains(&Signal::SIGCHLD))
}

/// All of them end at once, and one of them can't pass its gate, since that isn't there: where nobody may trace, they
/// may still be there when the program begins to wait.
#[test]
fn who_has_ended_before_is_told_too_with_the_code_that_it_had() {
    grader::worth(1);
    let gates = ["/dev/null", "/dev/null/no-gate", "/dev/null"];
    let run = || Run::new(grader::program!("reap-all")).args(gates);
    let outcome = match run().recorded().policy(Policy::ChildFirst).record() {
        Some(seen) => {
            seen.must(end_by_itself());
            seen.outcome.clone()
        }
        None => run().finish(),
    };
    outcome.must_end();
    let output = String::from_utf8_lossy(&outcome.stdout).into_owned();
    let mut told: Vec<_> = output.lines().filter(|line| line.starts_with("child ")).collect();
    told.sort_unstable();
    let expected = ["child 1 exited with 1", "child 2 exited with 127", "child 3 exited with 3"];
    if told != expected {
        Verdict::new("Three children have ended, one of them by an error, and the program tells of them wrongly.")
            .saw(format!("expected, in whichever order: {expected:?}"))
            .saw(format!("got {told:?}"))
            .saw_all(outcome.complaint())
            .ask("What tells the parent with which code a child has exited, and what tells it which child that was?")
            .fail();
    }
}

#[test]
fn the_parent_sleeps_while_no_child_has_ended() {
    grader::worth(1);
    /// So much processor time is none that a parent needs for going to sleep.
    const SPINNING: Duration = Duration::from_millis(200);
    let (mut running, gates, _) = start("reap-all, asleep");
    let before = running.snapshot().program().map(|p| p.cpu).unwrap_or_default();
    let parent = running.until(|now| {
        let children_stand = now.others().filter(|p| p.blocked()).count() >= CHILDREN;
        let parent = now.program().filter(|_| children_stand)?;
        let settled =
            parent.blocked() || parent.sleeping_for_time() || parent.cpu >= before + SPINNING;
        settled.then(|| parent.clone())
    });
    let parent: Process = match parent {
        Ok(parent) => parent,
        Err(why) => {
            let outcome = finish(running, why);
            let facts = if why == Interrupted::Ended {
                outcome.who_was_left()
            } else {
                outcome.snapshot.explain()
            };
            Verdict::new("The program does not stand still while its children wait at their gates.")
                .saw(outcome.ending())
                .saw_all(facts)
                .ask("Who should be the first to move: the parent, or a child?")
                .fail()
        }
    };
    if parent.sleeping_for_time() {
        Verdict::new(
            "The parent polls: it sleeps by the clock, looks for an ended child, and sleeps again.",
        )
        .saw(format!(
            "no child has ended, and the program (pid {}) {}",
            parent.pid,
            running.snapshot().describe(&parent)
        ))
        .ask("Which call sleeps exactly until a child has ended?")
        .fail();
    }
    if !parent.blocked() {
        Verdict::new(
            "The parent spins: it asks for an ended child again and again, and never sleeps.",
        )
        .saw(format!(
            "no child has ended, and the program (pid {}) {}",
            parent.pid,
            running.snapshot().describe(&parent)
        ))
        .ask("What does WNOHANG change about wait, and does this parent have anything else to do?")
        .fail();
    }
    if parent.call == grader::Call::Hidden {
        grader::skip(
            "the parent sleeps in the kernel until a child ends",
            "/proc/PID/syscall cannot be read",
        );
    }
    drop(gates);
}

#[test]
fn nobody_gets_up_by_the_clock() {
    grader::worth(1);
    for until in ["", "=P1:wait4:2"] {
        // The parent goes on until it sleeps, or asks once more in vain; who looks at a flag before a pause is held in between.
        let holds = [
            "P1:pause:1=P3:exit_group:1".to_owned(),
            format!("P2:openat:1{until}"),
            format!("P3:openat:1{until}"),
        ];
        let holds = holds.map(|it| Injection::hold(&it).expect("it is well written"));
        let run = Run::new(grader::program!("reap-all")).args(["/dev/null"; 2]);
        let run = run.deadline(Duration::from_secs(3)).recorded().policy(Policy::ParentFirst);
        let Some(seen) = holds.into_iter().fold(run, grader::Recording::inject).record() else {
            return;
        };
        seen.must(set_no_timeout()).must(set_no_timer()).must(end_by_itself());
        seen.must(reap_every_child()).must(exit_with(0));
    }
}
