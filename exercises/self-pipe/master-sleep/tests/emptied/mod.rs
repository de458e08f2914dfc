//! Whether a sleep leaves nothing in the pipe.

use super::{WAITS, before_the_kill};
use grader::{Recorded, Seen, Verdict};

/// Calls that take bytes out of a pipe.
const TAKES: [&str; 5] = ["read", "readv", "preadv2", "splice", "io_uring_enter"];

/// Fails if three bytes in the pipe have ended more sleeps than one.
pub(crate) fn must_empty_the_pipe(seen: &Recorded) {
    let of_the_master = || before_the_kill(seen).filter(|step| step.event.task.to_string() == "P1");
    let woken = |step: &&Seen| {
        let waits = step.returns().is_some_and(|call| WAITS.contains(&call));
        waits && step.sentence.ends_with(" ready")
    };
    let woken: Vec<_> = of_the_master().filter(woken).collect();
    // A clock may be among what it waits for.
    if woken.len() > 2 {
        let takes = |step: &Seen| {
            step.returns().is_some_and(|call| TAKES.contains(&call)) && step.result() > Some(0)
        };
        let verdict = if of_the_master().any(takes) {
            Verdict::new("A sleep leaves bytes in the pipe, and so the next one is none.")
                .ask("How many bytes may there be, how many did one read take, and how does one know that none is left?")
        } else {
            Verdict::new("Nothing is taken out of the pipe, and so no sleep is one.")
                .ask("When does poll say that a pipe is readable, and what changes that?")
        };
        verdict
            .saw("three bytes were in the pipe when the master first slept, and no more came")
            .saw_all(woken.iter().take(3).map(ToString::to_string))
            .fail();
    }
}
