//! What must end the sleep of `master-sleep`, and what must not: a worker's end, whenever it comes; the time, whatever else comes.

mod each_sleep;
mod emptied;
mod timeouts;

use each_sleep::counts_from_each_sleep;
use emptied::must_empty_the_pipe;
use grader::{
    Exit, Gates, Injection, Outcome, Recorded, Recording, Run, Running, Seen, Snapshot, State,
    Verdict, facts::*,
};
use nix::sys::signal::{Signal, kill};
use std::path::PathBuf;
use std::time::{Duration, Instant};
use timeouts::*;

/// Calls that wait for a descriptor.
const WAITS: [&str; 7] =
    ["poll", "ppoll", "select", "pselect6", "epoll_wait", "epoll_pwait", "epoll_pwait2"];
/// So much processor time is none that a master needs for going to sleep.
const SPINNING: Duration = Duration::from_millis(200);
/// A timeout that a right answer never comes to, since its byte is there.
const LONG: Duration = Duration::from_secs(2);

fn master(timeout: Duration, workers: usize, gates: &[PathBuf]) -> Run {
    let run = Run::new(grader::program!("master-sleep"));
    run.args([timeout.as_millis().to_string(), workers.to_string()]).args(gates)
}

fn timed_out(outcome: &Outcome) -> bool {
    String::from_utf8_lossy(&outcome.stdout).lines().any(|line| line == "timeout")
}

/// More than somebody thought would ever have ended at once.
const MANY: usize = 5;

/// Holds the master before the first of each of these calls until this worker has ended. Fails if it has slept on then, with somebody dead to be
/// reaped. `None`: nobody may trace here.
fn held_until_the_end_of(worker: usize, calls: &[&str]) -> Option<Recorded> {
    // The first worker is P2.
    let hold = |call: &&str| Injection::hold(&format!("P1:{call}:1=P{}:exit_group:1", worker + 1));
    let holds = calls.iter().map(|call| hold(call).expect("it is well written"));
    // Time for a wrong answer to come to its timeout.
    let run = master(LONG, worker, &[]).recorded();
    let seen = holds.fold(run, |run, hold| run.inject(hold)).record()?;
    must_not_be_stuck_in_wait(&seen);
    // With a timeout for each of them, the deadline may come first.
    must_not_be_overlooked(&seen);
    seen.outcome.must_end();
    must_know_that_nobody_is_left(&seen.outcome);
    Some(seen)
}

/// What the master did from the first worker's end on.
fn since_the_end(seen: &Recorded) -> Vec<String> {
    let ended = |step: &&Seen| step.sentence.contains("ends with");
    let from = seen.steps.iter().find(ended).map_or(0, |step| step.event.step);
    let later = seen.steps.iter().filter(|step| step.event.step >= from);
    let told = later.filter(|step| {
        ended(step)
            || step.blocked.is_some()
            || ["read(", "SIGCHLD"].iter().any(|word| step.sentence.contains(word))
    });
    told.take(7).map(ToString::to_string).collect()
}

/// Fails if the master has slept on, with somebody dead to be reaped.
fn must_not_be_overlooked(seen: &Recorded) {
    if !timed_out(&seen.outcome) {
        return;
    }
    let reaps = |step: &&Seen| {
        step.sentence.starts_with("P1 reaps") && step.sentence.contains("which ended")
    };
    let before = seen.steps.iter().take_while(|step| !step.sentence.contains("timeout"));
    let verdict = match before.filter(reaps).count() {
        0 => Verdict::new("A worker ended between the look and the sleep, and the master slept on: its byte was thrown away before anybody had looked.")
            .ask("What may have happened between the look and the drain, and what does a drain say about it?"),
        reaped => Verdict::new(format!("Not all were reaped that had ended, but {reaped}; and the master slept on."))
            .ask("How many signals are left of several that come at once, and how many deaths does one wait take?"),
    };
    verdict.saw_all(since_the_end(seen)).fail()
}

#[test]
fn a_workers_end_ends_the_sleep_and_then_it_sleeps_again() {
    grader::worth(1);
    let mut gates = Gates::new(2);
    let began = Instant::now();
    let timeout = Duration::from_secs(60);
    let mut running = master(timeout, 2, gates.paths()).start();
    let mut arrived = false;
    let both = running.until(|now| {
        must_not_sleep_by_the_clock(now);
        let before = std::mem::replace(&mut arrived, gates.arrived() == 2);
        (before && now.program()?.blocked()).then_some(())
    });
    if both.is_ok() {
        stop_for_a_moment(&mut running);
    }
    gates.open(1);
    let mut one_is_left = false;
    let rests = running.until(|now| {
        let master = now.program()?;
        let left = now.others().count();
        // It is looked at only when the first worker is gone already: what it does then, it does for good.
        let before = std::mem::replace(&mut one_is_left, left == 1);
        (before && (master.blocked() || master.cpu >= SPINNING))
            .then(|| (master.clone(), left, now.describe(master)))
    });
    gates.open(2);
    let _ = running.until(|_| None::<()>);
    let took = began.elapsed();
    let outcome = running.finish();
    if let (Ok(()), Ok((master, left, does))) = (&both, &rests)
        && master.state == State::Running
    {
        Verdict::new("The master spins: after the first worker's end, its sleep is none.")
            .saw(format!("{left} workers are there, and the master, pid {}, {does}", master.pid))
            .ask("When does a pipe stop being readable, and who sees to that?")
            .fail();
    }
    must_not_sleep_in_wait(&outcome);
    must_survive_a_signal(&outcome);
    must_know_that_nobody_is_left(&outcome);
    must_not_end_early(&outcome, took, timeout);
    outcome.must_end();
    if outcome.exit == Exit::Code(0) && outcome.snapshot.others().count() > 0 {
        Verdict::new("The master has counted an end that was none: it has left, and a worker lives.")
            .saw("a worker was stopped for a moment, and went on; then one of the two ended")
            .saw(outcome.ending())
            .ask("What does waitpid tell of besides an end, and who asks it to? Which of its answers does `reap` count?")
            .fail();
    }
    outcome.must_leave_nobody();
    if outcome.exit != Exit::Code(0) || timed_out(&outcome) {
        Verdict::new("Both workers have ended well, and the master does not say so.")
            .saw(outcome.ending())
            .saw(format!("it said {:?}", String::from_utf8_lossy(&outcome.stdout)))
            .saw_all(outcome.complaint())
            .ask("What has ended each of its sleeps, and what did it find?")
            .fail();
    }
}

/// Stops a worker, and lets it go on: a SIGCHLD comes, and nobody has ended. The master has come to rest when this returns.
fn stop_for_a_moment(running: &mut Running) {
    let Some(worker) = running.snapshot().others().next().map(|p| p.host) else { return };
    // A master that takes this for the end of its time has killed the worker, and reaped it, at any moment.
    let _ = kill(worker, Signal::SIGSTOP);
    let _ = running.until(|now| now.others().find(|p| p.has_stopped()).map(drop));
    // Whoever asks for stops is told of this one before it is over. One that spins never comes to rest.
    let rests =
        |now: &Snapshot| now.program().filter(|p| p.blocked() || p.cpu > SPINNING).map(drop);
    let _ = running.until(rests);
    let _ = kill(worker, Signal::SIGCONT);
}

#[test]
fn a_worker_that_ends_between_the_look_and_the_sleep_is_not_overlooked() {
    grader::worth(2);
    for calls in [&["read"][..], &WAITS] {
        let Some(seen) = held_until_the_end_of(1, calls) else { return };
        seen.must(reap_every_child()).must(exit_with(0));
    }
}

#[test]
fn all_are_reaped_however_few_signals_came() {
    grader::worth(2);
    let Some(seen) = held_until_the_end_of(MANY, &WAITS) else { return };
    seen.must(reap_every_child()).must(exit_with(0));
}

#[test]
fn the_timeout_comes_in_time_whatever_else_comes() {
    grader::worth(2);
    must_hear_a_signal_after_its_time();
    if !(0..5).any(|_| counts_from_each_sleep()) {
        grader::skip(
            "the second sleep's time",
            "this machine is too busy to end the first in time",
        );
    }
    // On a busy machine the signals may fail to come: then a sleep that begins anew would not have been noticed.
    if !(0..10).any(|_| has_ended_in_time_among_signals()) {
        grader::skip(
            "the timeout comes in time",
            "this machine is too busy to send signals until then",
        );
    }
}

#[test]
fn one_sleep_is_one_call() {
    grader::worth(1);
    let gates = Gates::new(1);
    let run = || master(Duration::from_millis(300), 1, gates.paths());
    let Some(seen) = record(|deadline| run().deadline(deadline).recorded()) else { return };
    must_not_be_stuck_in_wait(&seen);
    must_count_the_killed(&seen.outcome);
    let sleeps = sleeps_before_the_kill(&seen);
    if seen.outcome.exit == Exit::Deadline && !sleeps.is_empty() {
        let cause = if sleeps.len() > 1 {
            "The time is over, and the master only sleeps once more: nobody hears of the timeout."
        } else {
            "The master sleeps on, when its timeout is long over."
        };
        Verdict::new(cause)
            .saw("the timeout is 300 ms, and at the deadline the worker that hangs had not been killed")
            .saw_all(sleeps.iter().take(2).map(ToString::to_string))
            .ask("For how long does it sleep, in which unit was that told, and what does `sleep` return then?")
            .fail();
    }
    seen.outcome.must_end();
    seen.must(never_spin());
    // One more, since the last millisecond may have to be waited for.
    if sleeps.len() > 2 {
        Verdict::new("The master gets up again and again, and there is nothing to be seen.")
            .saw(format!("it slept {} times in 300 ms, and nothing had happened", sleeps.len()))
            .saw_all(sleeps.iter().take(2).map(ToString::to_string))
            .ask("For how long may it sleep, and who would wake it before?")
            .fail();
    }
    let by_the_clock = |step: &&Seen| {
        step.blocked.as_ref().is_some_and(|blocked| blocked.call.contains("nanosleep("))
    };
    if let (true, Some(step)) = (sleeps.is_empty(), seen.steps.iter().find(by_the_clock)) {
        Verdict::new("The master sleeps by the clock, where no byte wakes it.")
            .saw(step.to_string())
            .ask("Which call sleeps until there is a byte, and no longer than some time?")
            .fail();
    }
    if let Some(step) = sleeps.iter().find(|step| is_too_long(step)) {
        Verdict::new("The master would sleep for longer than its timeout.")
            .saw("the timeout is 300 ms")
            .saw(step.to_string())
            .ask("In which unit is the time told to this call, and how is it rounded?")
            .fail();
    }
    if sleeps.is_empty() || !timed_out(&seen.outcome) {
        let cause = if timed_out(&seen.outcome) {
            "The master does not sleep at all: its timeout comes at once."
        } else {
            "The worker hangs, and the master's timeout never comes."
        };
        Verdict::new(cause)
            .saw_all(if seen.stuck.is_empty() {
                vec![seen.outcome.ending()]
            } else {
                seen.stuck.clone()
            })
            .saw_all(seen.outcome.complaint())
            .ask("In which call does the master sleep, and for how long?")
            .fail();
    }
}

#[test]
fn a_sleep_empties_the_pipe() {
    grader::worth(1);
    // A byte for each worker that is made, though nobody has ended.
    let gates = Gates::new(3);
    let byte = |run: Recording, number| {
        let byte = Injection::signal(&format!("P1:fork:{number}=CHLD"));
        run.inject(byte.expect("it is well written"))
    };
    let run = |deadline| {
        let run = master(Duration::from_millis(300), 3, gates.paths()).deadline(deadline);
        (1..=3).fold(run.recorded(), byte)
    };
    let Some(seen) = record(run) else { return };
    must_not_be_stuck_in_wait(&seen);
    must_empty_the_pipe(&seen);
    must_count_the_killed(&seen.outcome);
    seen.outcome.must_end();
}
