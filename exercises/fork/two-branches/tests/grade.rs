//! What the kernel must have seen of `two-branches`.

use grader::facts::*;
use grader::{
    Exit, Injection, Interrupted, Outcome, Policy, Process, Recorded, Run, Seed, Seen, Snapshot,
    State, Verdict,
};
use std::path::PathBuf;
use std::time::Duration;

/// So much processor time has who wants it until the deadline, and never sleeps. Before, it may have other work to do.
const SPINNING: Duration = Duration::from_millis(200);

/// What the parent does while somebody is to read the number.
#[derive(Debug, PartialEq, Eq)]
enum Parent {
    Reads,
    Sleeps,
    Waits,
}

/// Whether the process waits for what only the test could write: it may have something else as its descriptor 0.
fn waits_for_the_test(now: &Snapshot, process: &Process) -> bool {
    let from = process.descriptor(0).map(|d| &d.target);
    let is_a_pipe = |target: &PathBuf| target.to_string_lossy().starts_with("pipe:");
    let mut descriptors = now.processes.iter().flat_map(|p| &p.descriptors);
    process.waits_to_read(0).unwrap_or(false)
        // Where the machine does not say where it leads, it is taken for what it was at first.
        && from.is_none_or(is_a_pipe)
        && !descriptors.any(|d| d.writable && Some(&d.target) == from)
}

/// Whether a child has come to the number: it reads, or asks whether there is something to read, or has a thread that does. Where the machine
/// does not show who is in which call, whoever sleeps beside the parent reads.
fn waits_for_the_number(child: &Process) -> bool {
    let asks = |call: &str| ["poll", "select", "epoll", "futex"].iter().any(|it| call.contains(it));
    match child.waits_to_read(0) {
        Some(reads) => reads || child.blocked() && child.call_name().is_some_and(asks),
        None => child.blocked(),
    }
}

/// Whether the parent is held in a fork that gives it back when its child has ended: it sleeps exactly until then.
fn is_held_in_its_fork(parent: &Process) -> bool {
    parent.state == State::Uninterruptible
        && parent.call_name().is_some_and(|call| ["clone", "vfork"].contains(&call))
}

/// Runs the program, and tells it the code when somebody waits to read it: that must be the child.
fn run(code: u8) -> Outcome {
    let mut running = Run::new(grader::program!("two-branches")).stdin_later().start();
    let mut child_reads = false;
    let parent_reads = running.until(|now| {
        let parent = now.program()?;
        if waits_for_the_test(now, parent) {
            return Some(Parent::Reads);
        }
        let reads = now.others().any(waits_for_the_number);
        // The parent is looked at only when the child waits already: from then on it is the parent's turn.
        if !std::mem::replace(&mut child_reads, reads) {
            return None;
        }
        if parent.sleeping_for_time() {
            return Some(Parent::Sleeps);
        }
        (parent.blocked() || is_held_in_its_fork(parent)).then_some(Parent::Waits)
    });
    if parent_reads == Ok(Parent::Sleeps) {
        Verdict::new("The parent goes by the clock: it sleeps for a time, whatever its child does.")
            .saw_all(running.snapshot().explain())
            .ask("How long may a child wait for its number? And which call sleeps exactly until it has ended?")
            .fail();
    }
    if parent_reads == Ok(Parent::Reads) {
        the_parent_reads().saw_all(running.snapshot().explain()).fail();
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
    let parent = outcome.snapshot.program();
    let spins = parent.is_some_and(|it| it.state == State::Running && it.cpu >= SPINNING);
    if parent_reads == Err(Interrupted::Deadline) && child_reads && spins {
        Verdict::new("The parent spins: it asks again and again whether its child has ended, and never sleeps.")
            .saw_all(outcome.snapshot.explain())
            .ask("What does WNOHANG change about wait, and does this parent have anything else to do?")
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
        let lost = String::from_utf8_lossy(&outcome.stderr).contains("ECHILD");
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
    must_not_read_it(&seen);
    seen.must(end_by_itself()).must(have_children_exit_with([code])).must(exit_with(code));
    must_sleep_until_it_has();
}

/// Fails if the parent reads from what is its standard input, by whatever number, and whether it asks before or not.
fn must_not_read_it(seen: &Recorded) {
    let at_first = seen.steps.iter().find_map(|step| step.open.as_ref());
    let input = at_first.and_then(|open| open.iter().find(|it| it.number == 0));
    let Some(input) = input.map(|it| it.description) else { return };
    let reads = |step: &&Seen| {
        step.process.to_string() == "P1"
            && step.description == Some(input)
            && step.begins().is_some_and(|call| call.contains("read") || call == "splice")
    };
    if let Some(step) = seen.steps.iter().find(reads) {
        the_parent_reads().saw(step.to_string()).fail();
    }
}

fn the_parent_reads() -> Verdict {
    Verdict::new("The parent reads the number itself: it would know it without any child.")
        .ask("How can the parent come to know a number that only the child has read?")
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
