//! The program, its child, and the child of that one, when everybody has come to their places.

use grader::{Containment, Gates, Interrupted, Process, Run, Running, State, Verdict};
use std::time::Duration;

/// So much processor time is none that anybody needs for going to sleep.
const SPINNING: Duration = Duration::from_millis(200);

/// Who adopts.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Adopter {
    /// A process above the program: in a grader's run that is the grader's, on your desktop perhaps systemd's.
    Above,
    /// The program, which has declared itself a subreaper.
    Program,
}

/// The family when the one in the middle stands at its gate.
pub(crate) struct Family {
    pub(crate) running: Running,
    pub(crate) gate: Gates,
    pub(crate) middle: Process,
    pub(crate) orphan: Process,
    /// The pid that the orphan's parent must have in the end.
    pub(crate) adopter: i32,
}

/// Starts the program and waits until the middle stands at its gate and its child has settled.
pub(crate) fn start(adopter: Adopter) -> Family {
    let mut gate = Gates::new(1);
    // Not in namespaces: there, whoever adopts is pid 1, as those believe who say that it always is.
    let run = Run::new(grader::program!("orphan-adopt")).contained(Containment::Fallback);
    let mut run = run.args(gate.paths());
    if adopter == Adopter::Program {
        run = run.arg("adopt");
    }
    let mut running = run.start();
    let mut stands = false;
    let family = running.until(|now| {
        // The others are looked at only when the middle stands already: from then on it moves nobody.
        if !std::mem::replace(&mut stands, gate.arrived() == 1) {
            return None;
        }
        let middle = now.others().find(|p| p.parent == now.program)?;
        let orphan = now.others().find(|p| p.parent == middle.pid)?;
        let settled = orphan.state == State::Zombie
            || orphan.state == State::Stopped
            || orphan.blocked()
            || orphan.sleeping_for_time()
            || orphan.cpu >= SPINNING;
        // Who asks again and again whether the middle has ended waits for that, too.
        let waits = now.program().is_some_and(|p| p.state != State::Running || p.cpu >= SPINNING);
        let rest = waits && middle.blocked();
        (settled && rest).then(|| (now.clone(), middle.clone(), orphan.clone()))
    });
    match family {
        Ok((now, middle, orphan)) => {
            let above = now.program().map_or(0, |p| p.parent.as_raw());
            let adopter = if adopter == Adopter::Program { running.pid().as_raw() } else { above };
            Family { running, gate, middle, orphan, adopter }
        }
        Err(why) => no_family(running, why),
    }
}

fn no_family(running: Running, why: Interrupted) -> ! {
    let outcome = running.finish();
    if why != Interrupted::Deadline {
        outcome.must_end();
    }
    let now = &outcome.snapshot;
    let children = now.others().filter(|p| p.parent == now.program).count();
    let has_child = |parent: &Process| now.others().any(|p| p.parent == parent.pid);
    let grandchildren = now.others().any(has_child);
    let has_gate = |p: &Process| p.descriptors.iter().any(|it| it.target.ends_with("gate-1"));
    let at_its_gate = now.others().any(|p| p.parent == now.program && has_gate(p));
    let verdict = match (why, children) {
        (Interrupted::Ended, _) => Verdict::new(
            "The program ended while the process in the middle should stand at its gate.",
        ),
        (_, 1..) if !grandchildren => Verdict::new(
            "Nobody is to become an orphan: there is no child whose parent is the program's child.",
        ),
        (_, 0) => Verdict::new("The program has no child."),
        (Interrupted::Deadline, _) if at_its_gate => Verdict::new(
            "The family is there, with the process in the middle at its gate, and does not come to rest.",
        ),
        (Interrupted::Deadline, _) => Verdict::new(
            "The family is there, and the process in the middle does not come to its gate.",
        ),
        _ => Verdict::new("The family is not the one that was asked for."),
    };
    verdict
        .saw(outcome.ending())
        .saw_all(now.explain())
        .saw_all(outcome.complaint())
        .ask("Who has to end while who lives, and so which process calls fork twice, and which one once?")
        .fail()
}
