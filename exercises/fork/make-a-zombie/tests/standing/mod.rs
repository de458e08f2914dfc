//! Until the child stands at its gate.

use grader::{Gates, Interrupted, Process, Run, Running, Snapshot, State, Verdict};
use std::time::Duration;

/// So much processor time is none that a parent needs for going to sleep.
const SPINNING: Duration = Duration::from_millis(200);
const TOO_SOON: &str = "The child ended before its gate was opened: its part is to stand there.";
const LEFT_IT: &str =
    "The program ended while its child was still to come to its gate, or stood there.";
const NEVER_CAME: &str = "The child never came to its gate, or it is no child of the program.";

/// What was seen when the child stood at its gate and the parent had settled.
pub(crate) struct Standing {
    pub(crate) running: Running,
    /// Where the child ends.
    pub(crate) end: Gates,
    /// Where the program stands before it clears the zombie, and after that.
    pub(crate) steps: Gates,
    pub(crate) child: Process,
    pub(crate) parent: Process,
}

/// Starts the program, and waits until its child stands at the gate and the parent waits in its way.
pub(crate) fn until_the_child_stands() -> Standing {
    let (mut end, mut steps) = (Gates::new(1), Gates::new(2));
    let run = Run::new(grader::program!("make-a-zombie")).args(end.paths()).args(steps.paths());
    let mut running = run.start();
    let mut stands = false;
    let seen = running.until(|now| {
        // It speaks of a zombie before it comes to its own gate: looked at in this order, no child comes after that.
        let zombie = now.others().any(|p| p.state == State::Zombie);
        if zombie && end.arrived() == 0 && steps.arrived() > 0 {
            return Some(None);
        }
        // The parent is looked at only when the child stands already: from then on nobody but the test moves anything.
        if !std::mem::replace(&mut stands, end.arrived() == 1) {
            return None;
        }
        let parent = now.program()?;
        let settled = parent.blocked() || parent.sleeping_for_time() || parent.cpu >= SPINNING;
        let child = now.others().find(|p| p.parent == now.program && p.blocked())?;
        settled.then(|| Some((child.clone(), parent.clone())))
    });
    match seen {
        Ok(Some((_, parent))) if parent.descriptors.iter().any(|d| d.target == end.paths()[0]) => {
            Verdict::new(
                "The program stands at its child's gate, too: both of them run the child's part.",
            )
            .saw_all(running.snapshot().explain())
            .ask("Which of the two processes should go where, and what has fork told each of them?")
            .fail()
        }
        Ok(None) => Verdict::new(TOO_SOON)
            .saw_all(running.snapshot().explain())
            .ask("Which process calls `end_at`, and how many others are there?")
            .fail(),
        Ok(Some((child, parent))) => {
            must_not_go_by_a_pipe(&running.snapshot(), &child, &parent);
            Standing { running, end, steps, child, parent }
        }
        Err(why) => {
            let outcome = running.finish();
            if why != Interrupted::Deadline {
                outcome.must_end();
            }
            let verdict = match outcome.snapshot.others().next() {
                Some(child) if child.state != State::Zombie && why == Interrupted::Ended => {
                    Verdict::new(LEFT_IT)
                }
                Some(child) if child.state == State::Zombie => Verdict::new(TOO_SOON),
                Some(_) => Verdict::new(NEVER_CAME),
                None => Verdict::new("There is no child at the gate."),
            };
            verdict
                .saw(outcome.ending())
                .saw_all(outcome.snapshot.explain())
                .saw_all(outcome.complaint())
                .ask("Which process calls `end_at`, and how many others are there?")
                .fail()
        }
    }
}

/// Fails if the parent hears of its child's end by a pipe of which only the child has the other end.
fn must_not_go_by_a_pipe(now: &Snapshot, child: &Process, parent: &Process) {
    let Some(pipe) = now.hears_only_by_a_pipe(parent, child.pid) else { return };
    let end = pipe.kind();
    Verdict::new(format!(
        "The parent takes the end of {end} for its child's end: that comes before."
    ))
    .saw(format!("the program {}", now.describe(parent)))
    .saw(format!("the child, pid {}, has the only write end of {}", child.pid, pipe.name.display()))
    .saw("who ends has its descriptors closed first, and is a zombie later")
    .ask("Which call returns when the child has ended, and not when it is about to?")
    .fail();
}
