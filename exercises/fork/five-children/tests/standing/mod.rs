//! Until everybody stands still.

use grader::{Interrupted, Process, Run, Running, Seed, Snapshot, Verdict};
use std::time::Duration;

/// So much processor time is none that a parent needs for going to sleep.
const SPINNING: Duration = Duration::from_millis(200);

/// Starts the program and waits until there are `count` children, who stand still, and the parent has settled, or does what it should not;
/// or until everybody stands still, however many they are. Fails unless they are a fan.
pub(crate) fn start(count: usize, seed: &Seed) -> (Running, Snapshot) {
    let mut running =
        Run::new(grader::program!("five-children")).arg(count.to_string()).stdin_later().start();
    let mut before = None;
    let still = running.until(|now| {
        let parent = now.program()?;
        let stand = now.others().count() > 0 && now.others().all(Process::blocked);
        if !stand {
            before = None;
            return None;
        }
        // One look takes its time. Who was blocked at two, and has not gone to sleep anew in between, has not moved: there
        // was a moment at which nobody could.
        let sleeps = parent
            .blocked()
            .then(|| now.processes.iter().map(|p| (p.pid, p.sleeps())).collect::<Vec<_>>());
        let same = sleeps.is_some() && sleeps == before;
        before = sleeps;
        let clock = parent.sleeping_for_time() || parent.cpu >= SPINNING;
        (same || clock && now.others().count() >= count).then(|| now.clone())
    });
    match still {
        Ok(still) => {
            must_be_a_fan(&still, count, seed);
            (running, still)
        }
        Err(why) => never_still(running, why, count, seed),
    }
}

/// Fails unless `count` children of the program, and nobody else, stand there.
fn must_be_a_fan(still: &Snapshot, count: usize, seed: &Seed) {
    let others: Vec<_> = still.others().collect();
    let direct = others.iter().filter(|p| p.parent == still.program).count();
    let deepest =
        others.iter().filter(|p| others.iter().all(|other| other.parent != p.pid)).count();
    let verdict = if (direct, others.len()) == (count, count) {
        return;
    } else if direct == 1 && deepest == 1 && others.len() > 1 {
        Verdict::new("They are a chain, and not a fan: each is the child of the one before.").ask(
            "Which of the two processes goes on with the loop after a fork, and which one should?",
        )
    } else if direct == others.len() && direct == 1 && count > 1 {
        Verdict::new("There is one child: the parent waits for it before it makes the next.")
            .ask("What has to be over before the parent waits for the first time?")
    } else if direct == others.len() {
        Verdict::new(format!("There are {direct} children, and not {count}."))
            .ask("With which number does the loop begin, and with which one does it end?")
    } else {
        Verdict::new(format!(
            "{} processes were made, and not {count}: {} of them by somebody else than the program.",
            others.len(),
            others.len() - direct
        ))
        .ask("How many processes are there after the first round of the loop, and who of them runs the second?")
    };
    verdict
        .saw_all(
            others.iter().map(|p| format!("pid {} is a child of pid {}", p.pid, p.parent)).take(8),
        )
        .saw(format!("the program is pid {}, and was asked for {count} children", still.program))
        .replay(seed)
        .fail();
}

/// Fails with what kept everybody from standing still.
fn never_still(running: Running, why: Interrupted, count: usize, seed: &Seed) -> ! {
    let outcome = running.finish();
    if why != Interrupted::Deadline {
        outcome.must_end();
    } else if outcome.snapshot.others().count() > 0 {
        // They had time enough to become as many as they should be.
        must_be_a_fan(&outcome.snapshot, count, seed);
    }
    let left = outcome.left_behind.len();
    let verdict = match why {
        Interrupted::Ended if left > 0 => Verdict::new(
            "The program did not wait for its children: they were still there when it ended.",
        )
        .saw_all(outcome.who_was_left()),
        Interrupted::Ended => Verdict::new("The program ended while its children should stay.")
            .saw_all(outcome.complaint()),
        _ if outcome.snapshot.others().count() == 0 => {
            Verdict::new("There is no child: the program is the only process of the run.")
                .saw_all(outcome.snapshot.explain())
        }
        _ => Verdict::new("The processes never came to stand still.")
            .saw_all(outcome.snapshot.explain()),
    };
    verdict
        .saw(outcome.ending())
        .ask("What should the parent do while its children stay, and which call makes it do that?")
        .fail()
}
