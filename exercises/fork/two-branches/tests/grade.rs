//! What the kernel must have seen of `two-branches`.

use grader::facts::*;
use grader::{Exit, Injection, Outcome, Policy, Run, Seed, Verdict};
use std::time::Duration;

/// So much processor time is none that a parent needs for going to sleep.
const SPINNING: Duration = Duration::from_millis(200);

/// What the parent does while somebody is to read the number.
#[derive(Debug, PartialEq, Eq)]
enum Parent {
    Reads,
    Sleeps,
    Spins,
    Waits,
}

/// Runs the program, and tells it the code when somebody waits to read it: that must be the child.
fn run(code: u8) -> Outcome {
    let mut running = Run::new(grader::program!("two-branches")).stdin_later().start();
    let mut child_reads = false;
    let parent_reads = running.until(|now| {
        let parent = now.program()?;
        if parent.waits_to_read(0).unwrap_or(false) {
            return Some(Parent::Reads);
        }
        // Where the machine does not show who is in which call, whoever sleeps beside the parent reads.
        let reads = now.others().any(|p| p.waits_to_read(0).unwrap_or(p.blocked()));
        // The parent is looked at only when the child waits already: from then on it is the parent's turn.
        if !std::mem::replace(&mut child_reads, reads) {
            return None;
        }
        if parent.sleeping_for_time() {
            return Some(Parent::Sleeps);
        }
        if parent.cpu >= SPINNING {
            return Some(Parent::Spins);
        }
        parent.blocked().then_some(Parent::Waits)
    });
    if parent_reads == Ok(Parent::Spins) {
        Verdict::new("The parent spins: it asks again and again whether its child has ended, and never sleeps.")
            .saw_all(running.snapshot().explain())
            .ask("What does WNOHANG change about wait, and does this parent have anything else to do?")
            .fail();
    }
    if parent_reads == Ok(Parent::Sleeps) {
        Verdict::new("The parent goes by the clock: it sleeps for a time, whatever its child does.")
            .saw_all(running.snapshot().explain())
            .ask("How long may a child wait for its number? And which call sleeps exactly until it has ended?")
            .fail();
    }
    if parent_reads == Ok(Parent::Reads) {
        Verdict::new("The parent reads the number itself: it would know it without any child.")
            .saw_all(running.snapshot().explain())
            .ask("How can the parent come to know a number that only the child has read?")
            .fail();
    }
    if parent_reads.is_ok() {
        running.tell(format!("{code}\n").as_bytes());
    }
    let outcome = running.finish();
    if outcome.exit == Exit::Deadline && outcome.snapshot.others().count() == 0 {
        Verdict::new("There is no child: the program is the only process of the run.")
            .saw_all(outcome.snapshot.explain())
            .ask("Which call makes a process of one's own, which can read and exit?")
            .fail();
    }
    outcome.must_end();
    outcome
}

#[test]
fn the_parent_exits_with_the_childs_code() {
    grader::worth(1);
    let mut seed = Seed::of("two-branches");
    // Without the codes that the starter's own errors (2) and a panic (101) would have.
    let random = seed.random().u8(103..=254);
    for code in [42, 1, 255, random, 0] {
        let outcome = run(code);
        if outcome.exit == Exit::Code(code.into()) {
            continue;
        }
        let lost = outcome.complaint().is_some_and(|text| text.contains("ECHILD"));
        let child_is_right = outcome.reaped_a_child && !lost && child_must_exit_with(code);
        let verdict = match outcome.exit {
            Exit::Code(0) if outcome.reaped_a_child => Verdict::new(format!(
                "Asked to relay {code}, the parent exited with 0: as it would if it took the wait status for the code, or never looked at it."
            ))
            .saw(format!(
                "a child's exit with {code} gives the status {code} * 256 = {}; exit(3) keeps the low 8 bits",
                u32::from(code) << 8
            ))
            .ask("How else can a process end than by exiting, and how would a status tell?"),
            _ if lost => {
                Verdict::new("ECHILD: a process without children waited for one.")
                    .ask("Which of the two processes has a child after the fork, and how does each one know?")
            }
            Exit::Code(_) if child_is_right => Verdict::new(format!(
                "Asked to relay {code}, the parent exited with another code than its child."
            ))
            .ask("What has wait told the parent, and what became of it on the way to the parent's own exit? Which codes are there?"),
            _ => Verdict::new(format!("Asked to relay {code}, the program ended otherwise."))
                .ask("Which of the two processes ran which lines after the fork?"),
        };
        verdict
            .saw(outcome.ending())
            .saw_all(outcome.who_was_left())
            .saw_all(outcome.complaint())
            .replay(&seed)
            .fail();
    }
}

/// Fails unless the child exits with the code that is to be relayed. Whether the machine shows that.
fn child_must_exit_with(code: u8) -> bool {
    let run = Run::new(grader::program!("two-branches")).stdin(format!("{code}\n"));
    let seen = run.recorded().record();
    seen.is_some_and(|seen| {
        seen.must(have_children_exit_with([code]));
        true
    })
}

#[test]
fn the_child_is_a_real_one_and_the_parent_reaps_it() {
    grader::worth(1);
    let outcome = run(42);
    outcome.must_leave_nobody();
    if !outcome.reaped_a_child {
        Verdict::new("The program has reaped no child: nothing shows that there ever was one.")
            .saw(outcome.ending())
            .saw("the kernel adds a child's page faults to the parent that waits for it; it added none")
            .ask("Where would the code come from if only the child knew it?")
            .fail();
    }
}

#[test]
fn the_child_may_be_the_first_to_end() {
    grader::worth(1);
    let mut seed = Seed::of("two-branches, child first");
    let code = seed.random().u8(103..=254);
    let run = Run::new(grader::program!("two-branches")).stdin(format!("{code}\n"));
    let Some(seen) = run.recorded().policy(Policy::ChildFirst).record() else { return };
    seen.must(end_by_itself()).must(have_children_exit_with([code])).must(exit_with(code));
    must_sleep_until_it_has();
}

/// Fails if the parent gets up by the clock, or trusts a flag that it looked at before.
fn must_sleep_until_it_has() {
    for until in ["", "=P1:wait4:2"] {
        // The parent goes on until it sleeps, or asks once more in vain; who looks at a flag before a pause is held in between.
        let holds = ["P1:pause:1=P2:exit_group:1".to_owned(), format!("P2:read:1{until}")];
        let holds = holds.map(|it| Injection::hold(&it).expect("it is well written"));
        let run = Run::new(grader::program!("two-branches")).stdin("42\n");
        let run = run.deadline(Duration::from_secs(3)).recorded().policy(Policy::ParentFirst);
        let Some(seen) = holds.into_iter().fold(run, grader::Recording::inject).record() else {
            return;
        };
        seen.must(set_no_timeout()).must(set_no_timer()).must(end_by_itself());
        seen.must(have_children_exit_with([42])).must(exit_with(42));
    }
}
