//! How long `timeout-a-child` waits, whom it signals, and by which signal.
//!
//! A limit that must not be waited for is a minute, far behind the run's deadline. One that has to pass is short, and only compared one
//! way: nobody may be signalled before it. How long after it, is the machine's business.

mod ended;
mod slept;

use ended::must_end_with;
use grader::facts::*;
use grader::{
    Exit, Gates, Injection, Interrupted, Process, Recorded, Run, Running, Snapshot, State, Verdict,
};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use slept::*;
use std::time::{Duration, Instant};

/// Longer than any run.
const NEVER: u64 = 60_000;
const SHORT: u64 = 200;
/// One that a right answer does not wait for. Who does so is recorded to its end, and not to the deadline.
const LONG: u64 = 1_000;

fn run(limit: u64, grace: u64, kind: &str) -> Run {
    Run::new(grader::program!("timeout-a-child")).args([
        limit.to_string(),
        grace.to_string(),
        kind.into(),
    ])
}

/// Fails if so much time has not passed since.
fn must_have_lasted(start: Instant, least: u64) {
    let lasted = start.elapsed();
    if lasted < Duration::from_millis(least) {
        too_early(format!("the whole run lasted {lasted:?}; the child had {least} ms"));
    }
}

fn too_early(saw: String) -> ! {
    Verdict::new("The child was signalled before its time was over.")
        .saw(saw)
        .ask("From when on does a time count, and in which unit?")
        .fail()
}

#[test]
fn who_ends_early_is_reported_at_once() {
    grader::worth(1);
    must_end_with(&run(NEVER, NEVER, "quick").finish(), 5);
}

#[test]
fn who_is_stopped_for_a_while_has_all_of_its_time() {
    grader::worth(1);
    let mut running = run(NEVER, NEVER, "plain").start();
    let Ok(child) = rests(&mut running) else {
        return must_end_with(&running.finish(), 128 + 10);
    };
    // Whoever gives up on it has ended it, and reaped it: that is told below.
    let signal = |signal| kill(child, signal).unwrap_or_default();
    signal(Signal::SIGSTOP);
    let stopped = |now: &Snapshot| now.others().any(Process::has_stopped).then_some(());
    let _ = running.until(stopped);
    // Who asks for stops is told of this one before it is over.
    let _ = running.until(|now| now.program().filter(rest).map(drop));
    // A SIGCHLD comes for each of the two, and nobody has ended.
    signal(Signal::SIGCONT);
    if rests(&mut running).is_ok() {
        signal(Signal::SIGUSR1);
    }
    let outcome = running.finish();
    if matches!(outcome.exit, Exit::Code(143 | 137)) {
        Verdict::new("The child was stopped for a moment, and then it was signalled, long before its time was over.")
            .saw(outcome.ending())
            .ask("SIGCHLD does not only come when a child has ended. What does the look after it say, and how much time is left then?")
            .fail();
    }
    must_end_with(&outcome, 128 + 10);
    must_go_on_after_its_own_stop();
    // On a busy machine the signals may fail to come: then a limit that begins anew would not have been noticed. A longer one is asked, then.
    if !(1..=5).any(|times| limit_ends_among_stops(Duration::from_millis(500) * times)) {
        grader::skip("the limit ends", "this machine is too busy to stop a child until then");
    }
}

/// Fails if it takes it for the end of a time that the program itself was stopped for a moment.
fn must_go_on_after_its_own_stop() {
    let mut running = run(NEVER, NEVER, "plain").start();
    if rests(&mut running).is_ok() {
        kill(running.pid(), Signal::SIGSTOP).expect("it is there until it is reaped");
        let stopped = |now: &Snapshot| now.program().filter(|p| p.has_stopped()).map(drop);
        let _ = running.until(stopped);
        kill(running.pid(), Signal::SIGCONT).expect("it is there until it is reaped");
        // Whoever gives its child up for that has done so when it sleeps again.
        if let Ok(child) = rests(&mut running) {
            let _ = kill(child, Signal::SIGUSR1);
        }
    }
    let outcome = running.finish();
    if matches!(outcome.exit, Exit::Code(143 | 137 | 2)) {
        Verdict::new("The program itself was stopped for a moment, and it has given its child up for that, long before its time was over.")
            .saw(outcome.ending())
            .saw_all(outcome.complaint())
            .ask("signal(7): which calls fail with EINTR when their process was stopped and goes on? What does that say of the time?")
            .fail();
    }
    must_end_with(&outcome, 128 + 10);
}

/// Fails if a limit begins anew each time that the child is stopped, and never ends. Whether the child was stopped again and again until the end.
fn limit_ends_among_stops(limit: Duration) -> bool {
    // Long enough to have seen it begin anew some times.
    let limited = || run(limit.as_millis() as u64, NEVER, "plain").deadline(4 * limit);
    let mut running = limited().start();
    let (mut stops, mut last) = (0, None::<Instant>);
    let interrupted = running.until(|now| {
        // It may have ended since.
        if let Some(child) = now.others().find(|p| p.has_stopped()) {
            let _ = kill(child.host, Signal::SIGCONT);
        } else if let (Some(child), Some(_)) =
            (now.others().find(stays), now.program().filter(rest))
        {
            let _ = kill(child.host, Signal::SIGSTOP);
            (stops, last) = (stops + 1, Some(Instant::now()));
        }
        None::<()>
    });
    let since_the_last = last.map(|last| last.elapsed());
    let outcome = running.finish();
    let begins_anew = interrupted == Err(Interrupted::Deadline) && stops > 0;
    // If it doesn't end without that either, that is told elsewhere.
    if begins_anew && limited().finish().exit != Exit::Deadline {
        Verdict::new("The limit begins anew each time that the child is stopped for a moment, and never ends.")
            .saw(format!("the limit is {limit:?}; the child was stopped, and went on, {stops} times"))
            .saw_all(outcome.snapshot.explain())
            .ask("When is the limit to end? And how long is that from now, when something has ended the sleep that was no end of the child?")
            .fail();
    }
    begins_anew || since_the_last.is_none_or(|since| since < limit)
}

/// The calls in which a child of the kind `plain` stays.
fn pauses(call: &str) -> bool {
    matches!(call, "pause" | "ppoll")
}

fn rest(process: &&Process) -> bool {
    process.state == State::Sleeping
}

/// Whether this is a child of the kind `plain` that has come to where it stays.
fn stays(process: &&Process) -> bool {
    rest(process) && process.call_name().is_some_and(pauses)
}

/// Waits until the child has come to rest, and whoever is to hear of that has; then until its parent has. The child is looked at once more
/// behind that: it has not stayed if the parent has signalled it before going to sleep.
fn rests(running: &mut Running) -> Result<Pid, Interrupted> {
    running.until(|now| now.others().find(stays).map(drop))?;
    running.until(|now| now.program().filter(rest).map(drop))?;
    running.until(|now| now.others().find(stays).map(|child| child.host))
}

#[test]
fn who_does_not_end_is_asked_when_the_limit_is_over() {
    grader::worth(1);
    // A busy machine may be so late that a short time is over in any case.
    let outcome = run(NEVER, NEVER, "plain").deadline(Duration::from_millis(LONG)).finish();
    if matches!(outcome.exit, Exit::Code(143 | 137)) {
        too_early(format!(
            "{}; the child had {NEVER} ms, and the run had {LONG}",
            outcome.ending()
        ));
    }
    let start = Instant::now();
    must_end_with(&run(SHORT, NEVER, "plain").finish(), 128 + 15);
    must_have_lasted(start, SHORT);
}

#[test]
fn who_is_asked_may_finish_its_work() {
    grader::worth(2);
    let mut gate = Gates::new(1);
    let mut running = run(SHORT, NEVER, "tidy").args(gate.paths()).start();
    // Its answer takes as long as we like.
    let begun = running.until(|_| (gate.arrived() == 1).then_some(()));
    if begun.is_ok() {
        gate.open(1);
    }
    must_end_with(&running.finish(), 7);
}

#[test]
fn who_does_not_listen_is_killed_when_the_grace_is_over() {
    grader::worth(2);
    // Neither time stands for the other one, nor does what a busy machine adds to one of them.
    const GRACE: u64 = 1_100;
    let start = Instant::now();
    must_end_with(&run(SHORT, GRACE, "stubborn").finish(), 128 + 9);
    must_have_lasted(start, SHORT + GRACE);
}

#[test]
fn nobody_is_signalled_who_has_been_reaped_and_the_program_sleeps() {
    grader::worth(2);
    let judge = |seen: Option<Recorded>| {
        let seen = seen?;
        must_sleep_until_the_limit(&seen);
        seen.must(signal_no_group())
            .must(never_look_by_the_clock())
            .must(never_spin())
            .must(signal_nobody_reaped());
        must_reach_the_child(&seen);
        seen.must(reap_every_child());
        Some(seen)
    };
    let plain = run(SHORT, LONG, "plain").deadline(Duration::from_secs(3));
    let plain = judge(plain.recorded().record());
    let hold = |text: &str| Injection::hold(text).expect("it is well written");
    plain.as_ref().inspect(|seen| must_sleep_as_a_whole(seen));
    plain.as_ref().inspect(|seen| must_hear_a_timer_that_rings_early(seen));
    plain.as_ref().inspect(|seen| must_hear_of_an_end_before(seen));
    // The child ends after the first look, and before anything is done about SIGCHLD that was not done by then.
    if plain.as_ref().is_some_and(looks_before_it_sleeps) {
        let run = run(NEVER, NEVER, "quick").deadline(Duration::from_secs(2)).recorded();
        let holds = ["P2:exit_group=P1:wait4:1", "P1:rt_sigprocmask", "P1:rt_sigaction"].map(hold);
        let run = holds.into_iter().fold(run, |run, hold| run.inject(hold));
        run.record().inspect(must_hear_of_an_end_behind_its_look);
    }
    judge(run(LONG, LONG, "quick").recorded().record());
    // It is about to end until the program is about to signal it. Then it ends, and if a thread reaps it, that comes first.
    let by = plain.as_ref().and_then(signals_by).unwrap_or("kill");
    let hold_back = hold(&format!("P2:exit_group=P1:{by}:1"));
    let mut late = run(SHORT, SHORT, "quick").recorded().inject(hold_back);
    if plain.as_ref().is_some_and(a_thread_reaps) {
        late = late.inject(hold(&format!("P1:{by}=P3:wait4:1")));
    }
    judge(late.record());
    plain.as_ref().inspect(|seen| must_not_signal_beside_a_reaper(seen));
}
