//! When the timeout comes, whatever signals come meanwhile; and sleeps that have none.

use super::{WAITS, master, timed_out};
use grader::{
    Exit, Gates, Interrupted, Outcome, Process, Recorded, Recording, Seen, Snapshot, State, Verdict,
};
use nix::sys::signal::{Signal, kill};
use std::time::{Duration, Instant};

/// Whether the master has ended with this error. One that says so and goes on has taken it for none.
fn has_ended_with(outcome: &Outcome, error: &str) -> bool {
    let said = String::from_utf8_lossy(&outcome.stderr);
    let last_words = said.lines().filter_map(|line| line.strip_prefix("master-sleep: "));
    outcome.exit == Exit::Code(2) && last_words.last().is_some_and(|it| it.contains(error))
}

/// Fails if the master has ended because a signal interrupted its sleep.
pub(crate) fn must_survive_a_signal(outcome: &Outcome) {
    if has_ended_with(outcome, "(os error 4)") {
        Verdict::new("The master takes it for a failure that a signal has come.")
            .saw(outcome.ending())
            .saw_all(outcome.complaint())
            .ask("EINTR: what has happened to the sleep, and what is to be done about it?")
            .fail();
    }
}

/// What was done before the first worker was killed.
pub(crate) fn before_the_kill(seen: &Recorded) -> impl Iterator<Item = &Seen> {
    // Who speaks of it has killed nobody yet.
    let kills = |step: &Seen| {
        matches!(step.begins(), Some("kill" | "tkill" | "tgkill" | "pidfd_send_signal"))
            && step.sentence.contains("SIGKILL")
    };
    seen.steps.iter().take_while(move |step| !kills(step))
}

/// Where the master fell asleep until then.
pub(crate) fn sleeps_before_the_kill(seen: &Recorded) -> Vec<&Seen> {
    let sleeps = |step: &&Seen| {
        let call = step.blocked.as_ref().and_then(|blocked| blocked.call.split('(').next());
        step.event.task.to_string() == "P1" && call.is_some_and(|call| WAITS.contains(&call))
    };
    before_the_kill(seen).filter(sleeps).collect()
}

/// Whether somebody who may sleep for 300 ms sleeps for longer, and not just by a rounding.
pub(crate) fn is_too_long(step: &Seen) -> bool {
    step.blocked.as_ref().and_then(|it| it.at_most).is_some_and(|time| time > 302_000_000)
}

/// Records a master whose timeout is 300 ms. Where that is not over at the deadline, and only since the machine is busy, it has more time.
pub(crate) fn record(run: impl Fn(Duration) -> Recording) -> Option<Recorded> {
    let seen = run(Duration::from_secs(3)).record()?;
    let sleeps = sleeps_before_the_kill(&seen);
    let outcome = &seen.outcome;
    let late = outcome.exit == Exit::Deadline && !sleeps_with_nobody_left(outcome);
    if late && sleeps.len() <= 2 && !sleeps.iter().any(|step| is_too_long(step)) {
        return run(Duration::from_secs(30)).record();
    }
    Some(seen)
}

/// Fails if the master takes it for a failure that there is nobody left whom it could wait for.
pub(crate) fn must_know_that_nobody_is_left(outcome: &Outcome) {
    if has_ended_with(outcome, "(os error 10)") {
        Verdict::new("The master takes it for a failure that it has no child any more.")
            .saw(outcome.ending())
            .saw_all(outcome.complaint())
            .ask("ECHILD: what does wait(2) say of it, and is that bad news for who has reaped everybody?")
            .fail();
    }
}

/// Fails if the master has killed who hung, and sleeps on.
pub(crate) fn must_count_the_killed(outcome: &Outcome) {
    if sleeps_with_nobody_left(outcome) {
        does_not_count_the_killed().saw_all(outcome.snapshot.explain()).fail();
    }
}

fn sleeps_with_nobody_left(outcome: &Outcome) -> bool {
    let now = &outcome.snapshot;
    let gone = now.others().all(|worker| worker.state == State::Zombie);
    let sleeps = now.program().is_some_and(Process::blocked);
    outcome.exit == Exit::Deadline && timed_out(outcome) && gone && sleeps
}

fn does_not_count_the_killed() -> Verdict {
    Verdict::new("The timeout has come, the worker was killed for it, and the master does not know that nobody is left.")
        .ask("In which ways can a child end, and which of them does `reap` count?")
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

/// Fails unless a master comes to its timeout that a signal interrupts when the time is over: it is held up that long before it sleeps.
pub(crate) fn must_hear_a_signal_after_its_time() {
    const TIMEOUT: Duration = Duration::from_millis(300);
    let gates = Gates::new(1);
    let run = master(TIMEOUT, 1, gates.paths()).deadline(Duration::from_secs(3)).recorded();
    let seen = run.record_meanwhile(&WAITS, |pid, _| {
        std::thread::sleep(TIMEOUT);
        kill(pid, Signal::SIGUSR1).expect("it is there until it is reaped");
    });
    let Some(seen) = seen else { return };
    must_not_be_stuck_in_wait(&seen);
    let Recorded { outcome, steps, stuck, .. } = seen;
    must_count_the_killed(&outcome);
    must_survive_a_signal(&outcome);
    must_know_that_nobody_is_left(&outcome);
    let of_the_master: Vec<_> =
        steps.iter().filter(|step| step.event.task.to_string() == "P1").collect();
    let waits = |step: &&&Seen| step.begins().is_some_and(|call| WAITS.contains(&call));
    let handles = |step: &&Seen| step.sentence.contains("interrupted by SIGUSR1; its handler runs");
    let at = of_the_master.iter().position(handles).unwrap_or(of_the_master.len());
    let (before, after) = of_the_master.split_at(at);
    // Who only looks there has not begun to sleep.
    let in_its_sleep = before.iter().rev().find(waits).is_some_and(|step| step.limit != Some(0));
    let later: Vec<_> =
        after.iter().take_while(|step| !step.sentence.contains("timeout")).collect();
    // A sleep without a limit may be ended by a thread that has one.
    let has_threads = steps
        .iter()
        .any(|step| step.process.to_string() == "P1" && step.event.task != step.process);
    let again = later.iter().find(|step| {
        step.blocked.as_ref().is_some_and(|it| {
            WAITS.iter().any(|call| it.call.starts_with(&format!("{call}(")))
                && it.at_most.map_or(!has_threads, |time| time > 20_000_000)
        })
    });
    let returns = later.iter().any(|step| matches!(step.begins(), Some("wait4" | "waitid")));
    if let (true, Some(again)) = (in_its_sleep || returns, again) {
        let verdict = if returns {
            Verdict::new("A signal that left no byte ends the sleep as a byte would: the time was over, nobody hears of that, and a whole new sleep follows.")
                .ask("What may have ended the sleep, and what does `sleep` return in each of these cases?")
        } else {
            Verdict::new("A signal makes the sleep longer: its time was over, and it has not ended.")
                .ask("When is the sleep to end? And how long is that from now, when a signal has interrupted it?")
        };
        verdict
            .saw(format!("the timeout is {TIMEOUT:?}; so much time had passed when SIGUSR1 came, which leaves no byte"))
            .saw_all(after.first().map(ToString::to_string))
            .saw(again.to_string())
            .fail();
    }
    // Who is stuck was ended by the recorder, and is told of it elsewhere.
    let stuck = stuck.iter().any(|who| who.starts_with("P1 "));
    let failed = !matches!(outcome.exit, Exit::Code(0) | Exit::Deadline);
    if failed && !stuck && !timed_out(&outcome) {
        Verdict::new(
            "A signal came when the time was over already, and the master did not survive it.",
        )
        .saw(outcome.ending())
        .saw_all(outcome.complaint())
        .ask("How much time is left then, and what type can say so?")
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
    let (mut sent, mut last, mut killed, mut gone) = (0, None::<Instant>, false, false);
    // Whenever it sleeps, a signal comes that is nobody's business.
    let interrupted = running.until(|now| {
        must_not_sleep_by_the_clock(now);
        let sleeps = |master: &Process| master.blocked() && !is_in_wait(master);
        // And not only when no more signals come, which is at the deadline.
        killed |= sent > 0 && now.others().all(|worker| worker.state == State::Zombie);
        let waits = |master: &Process| master.call_name().is_some_and(|it| WAITS.contains(&it));
        // Looked at only when the worker is gone already.
        let before = std::mem::replace(&mut gone, killed && now.others().count() == 0);
        if before && now.program().is_some_and(|it| it.blocked() && waits(it)) {
            return Some(());
        }
        if now.others().count() == 1 && now.program().is_some_and(sleeps) {
            last = Some(Instant::now());
            kill(pid, Signal::SIGUSR1).expect("it is there until it is reaped");
            sent += 1;
        }
        None
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
    if interrupted.is_ok() {
        how(does_not_count_the_killed()).fail();
    }
    if interrupted == Err(Interrupted::Deadline) {
        must_not_sleep_in_wait(&outcome);
        if killed && timed_out(&outcome) {
            how(does_not_count_the_killed()).fail();
        }
        if !timed_out(&master(TIMEOUT, 1, Gates::new(1).paths()).finish()) {
            how(Verdict::new("The timeout never comes, whether signals do or not."))
                .ask("What does `sleep` return when the time is over, and how does it know that?")
                .fail();
        }
        how(Verdict::new("With each signal the time begins anew, and so the timeout never comes."))
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
    // Not who is held there by a recorder, and waits for nobody.
    master.blocked() && matches!(master.call_name(), Some("wait4" | "waitid"))
}

/// Fails if the master sleeps, until the deadline, where it can be woken by a child's end only.
pub(crate) fn must_not_sleep_in_wait(outcome: &Outcome) {
    if outcome.exit == Exit::Deadline && outcome.snapshot.program().is_some_and(is_in_wait) {
        sleeps_in_wait().saw_all(outcome.snapshot.explain()).fail();
    }
}

/// The same of a recording, which ends where everybody sleeps.
pub(crate) fn must_not_be_stuck_in_wait(seen: &Recorded) {
    must_not_sleep_in_wait(&seen.outcome);
    let waits = ["P1 is blocked in wait4(", "P1 is blocked in waitid("];
    if seen.stuck.iter().any(|who| waits.iter().any(|wait| who.starts_with(wait))) {
        sleeps_in_wait().saw_all(seen.stuck.iter().cloned()).fail();
    }
}

fn sleeps_in_wait() -> Verdict {
    Verdict::new("The master sleeps in wait, where no timeout ends it: a worker that hangs, hangs for ever.")
        .ask("Which call is there for sleeping here, and how does one ask for the dead without waiting for the living?")
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
