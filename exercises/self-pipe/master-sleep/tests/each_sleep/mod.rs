//! From when on the time of a sleep counts that is not the first one.

use super::timeouts::is_in_wait;
use super::{master, timed_out};
use grader::{Exit, Gates, Process, Snapshot, Verdict};
use std::time::{Duration, Instant};

/// Fails if a second sleep has only what is left of the first one's time: a worker ends late in that, and the other one hangs.
///
/// Returns whether this could tell. It can't where the worker's end came too late for a second sleep, or where the machine was so slow that its
/// delay may stand for what the second sleep lacks: the caller tries again then.
pub(crate) fn counts_from_each_sleep() -> bool {
    const TIMEOUT: Duration = Duration::from_millis(1000);
    const LATE: Duration = Duration::from_millis(600);
    let mut gates = Gates::new(2);
    let mut running = master(TIMEOUT, 2, gates.paths()).start();
    let mut rests = None::<Instant>;
    let late = running.until(|now| {
        let sleeps = |p: &&Process| p.blocked() && !is_in_wait(p);
        if gates.arrived() == 2 && now.program().is_some_and(|p| sleeps(&p)) {
            rests.get_or_insert_with(Instant::now);
        }
        rests.filter(|since| since.elapsed() > LATE).map(drop)
    });
    let since = Instant::now();
    gates.open(1);
    let goes_on = |now: &Snapshot| {
        let one_is_left = now.others().count() == 1 && now.others().all(|p| p.blocked());
        now.program().filter(|p| one_is_left && p.blocked()).map(drop)
    };
    let in_time = late.is_ok() && running.until(goes_on).is_ok();
    let _ = running.until(|_| None::<()>);
    let took = since.elapsed();
    let outcome = running.finish();
    let comes = timed_out(&outcome) && outcome.exit == Exit::Code(0);
    if in_time && comes && took < TIMEOUT {
        Verdict::new("The second sleep had less than its time: it ended with that of the first one.")
            .saw(format!("the timeout is {TIMEOUT:?}; a worker's end had ended the first sleep, and {took:?} later the second one was over"))
            .saw(outcome.ending())
            .ask("From when on does the time of a sleep count, and where does yours begin?")
            .fail();
    }
    // Who does not come to its timeout at all is told of that elsewhere.
    late.is_err() || !comes || in_time && took < TIMEOUT + TIMEOUT / 4
}
