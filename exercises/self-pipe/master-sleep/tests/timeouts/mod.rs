//! When the timeout comes, whatever signals come meanwhile, and in each sleep; and sleeps that have none.

use super::{master, timed_out};
use grader::{Exit, Gates, Interrupted, Outcome, Process, Snapshot, State, Verdict};
use nix::sys::signal::{Signal, kill};
use std::time::{Duration, Instant};

/// Fails if the master has ended because a signal interrupted its sleep.
pub(crate) fn must_survive_a_signal(outcome: &Outcome) {
    if outcome.complaint().is_some_and(|text| text.contains("os error 4")) {
        Verdict::new("The master takes it for a failure that a signal has come.")
            .saw(outcome.ending())
            .saw_all(outcome.complaint())
            .ask("EINTR: what has happened to the sleep, and what is to be done about it?")
            .fail();
    }
}

/// Fails if the master has come to its timeout before that was over; `took` is longer than it has slept.
pub(crate) fn must_not_end_early(outcome: &Outcome, took: Duration, timeout: Duration) {
    if timed_out(outcome) && took < timeout {
        Verdict::new("The sleep has ended before its time.")
            .saw(format!(
                "the timeout is {timeout:?}; it was over {took:?} after the program's start"
            ))
            .saw(outcome.ending())
            .ask("EINTR: is the time over, and how could one know?")
            .fail();
    }
}

/// Fails unless a master comes to its timeout that a signal wakes when the time is over: it is stopped meanwhile.
pub(crate) fn must_hear_a_signal_after_its_time() {
    const TIMEOUT: Duration = Duration::from_millis(300);
    let gates = Gates::new(1);
    let mut running = master(TIMEOUT, 1, gates.paths()).start();
    let pid = running.pid();
    let sleeps = |p: &&Process| p.blocked() && !is_in_wait(p);
    let rests = running.until(|now| {
        must_not_sleep_by_the_clock(now);
        now.program().filter(sleeps).filter(|_| now.others().count() == 1).map(drop)
    });
    if rests.is_ok() {
        kill(pid, Signal::SIGSTOP).expect("it is there until it is reaped");
        std::thread::sleep(TIMEOUT);
        kill(pid, Signal::SIGUSR1).expect("it is there until it is reaped");
        kill(pid, Signal::SIGCONT).expect("it is there until it is reaped");
    }
    let outcome = running.finish();
    must_not_sleep_in_wait(&outcome);
    must_survive_a_signal(&outcome);
    if outcome.exit != Exit::Code(0) && outcome.exit != Exit::Deadline {
        Verdict::new(
            "A signal came when the time was over already, and the master did not survive it.",
        )
        .saw(outcome.ending())
        .saw_all(outcome.complaint())
        .ask("How much time is left then, and what type can say so?")
        .fail();
    }
}

/// Fails if a later sleep has less time than the first one: a worker ends in the middle of the time, and the other one hangs.
pub(crate) fn must_count_from_each_sleep() {
    const TIMEOUT: Duration = Duration::from_millis(800);
    let mut gates = Gates::new(2);
    let mut running = master(TIMEOUT, 2, gates.paths()).start();
    let mut rests = None::<Instant>;
    let half = running.until(|now| {
        let sleeps = |p: &&Process| p.blocked() && !is_in_wait(p);
        if gates.arrived() == 2 && now.program().is_some_and(|p| sleeps(&p)) {
            rests.get_or_insert_with(Instant::now);
        }
        rests.filter(|since| since.elapsed() > TIMEOUT / 2).map(drop)
    });
    let since = Instant::now();
    gates.open(1);
    // Where the machine was too slow, both were killed for the first timeout, and there is no second sleep.
    let goes_on = |now: &Snapshot| {
        let one_is_left = now.others().count() == 1 && now.others().all(|p| p.blocked());
        now.program().filter(|p| one_is_left && p.blocked()).map(drop)
    };
    let in_time = half.is_ok() && running.until(goes_on).is_ok();
    let _ = running.until(|_| None::<()>);
    let took = since.elapsed();
    let outcome = running.finish();
    if in_time && timed_out(&outcome) && outcome.exit == Exit::Code(0) && took < TIMEOUT {
        Verdict::new("The second sleep had less than its time: it ended with that of the first one.")
            .saw(format!("the timeout is {TIMEOUT:?}; a worker's end had ended the first sleep, and {took:?} later the second one was over"))
            .saw(outcome.ending())
            .ask("From when on does the time of a sleep count, and where does yours begin?")
            .fail();
    }
}

/// Runs a master, and fails unless it comes to its timeout while signals come. Whether they came to the end.
pub(crate) fn has_ended_in_time_among_signals() -> bool {
    const TIMEOUT: Duration = Duration::from_millis(500);
    let gates = Gates::new(1);
    let began = Instant::now();
    let mut running = master(TIMEOUT, 1, gates.paths()).start();
    let pid = running.pid();
    let (mut sent, mut last, mut killed) = (0, None::<Instant>, false);
    // Whenever it sleeps, a signal comes that is nobody's business.
    let interrupted = running.until(|now| {
        must_not_sleep_by_the_clock(now);
        // And not only when no more signals come, which is at the deadline.
        killed |= sent > 0 && now.others().all(|worker| worker.state == State::Zombie);
        let sleeps = |master: &Process| master.blocked() && !is_in_wait(master);
        if now.others().count() == 1 && now.program().is_some_and(sleeps) {
            last = Some(Instant::now());
            kill(pid, Signal::SIGUSR1).expect("it is there until it is reaped");
            sent += 1;
        }
        None::<()>
    });
    let took = began.elapsed();
    let since_the_last = last.map(|last| last.elapsed());
    let outcome = running.finish();
    let how = |verdict: Verdict| {
        verdict
            .saw(format!("its worker hangs; the timeout is {TIMEOUT:?}; SIGUSR1, which leaves no byte, came {sent} times"))
            .saw_all(outcome.snapshot.explain())
            .saw_all(outcome.complaint())
    };
    if interrupted == Err(Interrupted::Deadline) {
        must_not_sleep_in_wait(&outcome);
        if killed && timed_out(&outcome) {
            how(Verdict::new("The timeout has come, the worker was killed for it, and the master does not know that nobody is left."))
                .ask("In which ways can a child end, and which of them does `reap` count?")
                .fail();
        }
        if !timed_out(&master(TIMEOUT, 1, Gates::new(1).paths()).finish()) {
            how(Verdict::new("The timeout never comes, whether signals do or not."))
                .ask("What does `sleep` return when the time is over, and how does it know that?")
                .fail();
        }
        how(Verdict::new("The timeout begins anew at each signal, and never comes to its end."))
            .ask("When is the sleep to end? And how long is that from now, when a signal has interrupted it?")
            .fail();
    }
    must_survive_a_signal(&outcome);
    must_not_end_early(&outcome, took, TIMEOUT);
    outcome.must_end();
    outcome.must_leave_nobody();
    if outcome.exit != Exit::Code(0) || !timed_out(&outcome) {
        how(Verdict::new("The master did not come to its timeout."))
            .saw(outcome.ending())
            .ask("What ended its sleep, and which call failed?")
            .fail();
    }
    // One that begins anew ends this long after the last of them.
    since_the_last.is_some_and(|since| since < TIMEOUT)
}

pub(crate) fn is_in_wait(master: &Process) -> bool {
    matches!(master.call_name(), Some("wait4" | "waitid"))
}

/// Fails if the master sleeps, until the deadline, where it can be woken by a child's end only.
pub(crate) fn must_not_sleep_in_wait(outcome: &Outcome) {
    if outcome.exit == Exit::Deadline && outcome.snapshot.program().is_some_and(is_in_wait) {
        Verdict::new("The master sleeps in wait, where no timeout ends it: a worker that hangs, hangs for ever.")
            .saw_all(outcome.snapshot.explain())
            .ask("Which call is there for sleeping here, and how does one ask for the dead without waiting for the living?")
            .fail();
    }
}

/// Fails if the master sleeps until some time has passed, and for nothing else.
pub(crate) fn must_not_sleep_by_the_clock(now: &Snapshot) {
    let Some(master) = now.program() else { return };
    if matches!(master.call_name(), Some("nanosleep" | "clock_nanosleep")) {
        Verdict::new("The master sleeps by the clock, where no byte wakes it.")
            .saw(format!("the master {}", now.describe(master)))
            .ask("Which call sleeps until there is a byte, and no longer than some time?")
            .fail();
    }
}
