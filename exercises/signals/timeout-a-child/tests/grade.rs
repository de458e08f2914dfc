//! How long `timeout-a-child` waits, whom it signals, and by which signal.
//!
//! A limit that must not be waited for is a minute, far behind the run's deadline. One that has to pass is short, and only compared one
//! way: nobody may be signalled before it. How long after it, is the machine's business.

use grader::facts::*;
use grader::{
    Exit, Gates, Injection, Interrupted, Outcome, Process, Recorded, Run, Running, Seen, Signals,
    Snapshot, State, Verdict,
};
use nix::sys::signal::{Signal, kill};
use std::collections::BTreeMap;
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

/// Fails unless the program ends with this code, as its child did.
fn must_end_with(outcome: &Outcome, code: i32) {
    let now = &outcome.snapshot;
    if outcome.exit == Exit::Deadline {
        if now.others().any(|p| p.state == State::Zombie) {
            Verdict::new(
                "The child has ended long before its limit, and the program does not hear of it.",
            )
            .saw_all(now.explain())
            .ask("What else than the time should end this sleep?")
            .fail();
        }
        // Who was sent SIGTERM has it pending, or is not there any more, or stands at its gate.
        let not_asked = |p: &&Process| {
            p.call_name().is_some_and(|call| pauses(call) || call == "rt_sigtimedwait")
                && !p.signals.pending.contains(&Signal::SIGTERM)
        };
        let over = matches!(code, 143 | 137 | 7);
        if let (true, Some(child)) = (over, now.others().find(not_asked)) {
            Verdict::new("The child's time is long over, and nobody has asked it to end.")
                .saw(format!("no SIGTERM has come to pid {}", child.pid))
                .saw_all(now.explain())
                .ask("For how long does the program sleep now, and in which unit was it told the limit?")
                .fail();
        }
        if code == 128 + 9 {
            Verdict::new("The child lives on. It was asked to end, and it does not: nothing else happens to it.")
                .saw_all(now.explain())
                .ask("How long does the program wait for an answer to SIGTERM, and what then?")
                .fail();
        }
    }
    outcome.must_end();
    if let Exit::Signal(signal @ (9 | 15)) = outcome.exit {
        let name = if signal == 9 { "SIGKILL" } else { "SIGTERM" };
        Verdict::new(format!("The program has ended itself: its {name} went to itself as well."))
            .saw(outcome.ending())
            .ask("kill(2): to whom does a signal go, by which value of its pid?")
            .fail();
    }
    // What main says when `watch` has returned something else than an end.
    let returned = |status: &str| outcome.complaint().is_some_and(|text| text.contains(status));
    if returned("Ok(StillAlive)") {
        Verdict::new("`watch` has returned before the child has ended: nobody has waited for that.")
            .saw(outcome.ending())
            .saw_all(outcome.complaint())
            .ask("How long does it take until a child ends that was sent a signal? Which call sleeps for that?")
            .fail();
    }
    if returned("Ok(Stopped") || returned("Ok(Continued") {
        Verdict::new("The child was stopped for a moment, and the program takes that for its end.")
            .saw(outcome.ending())
            .saw_all(outcome.complaint())
            .ask("What does waitpid tell of besides an end, and who asks it to? Which of its answers is the end?")
            .fail();
    }
    // Or an error.
    if outcome.exit == Exit::Code(2) && !outcome.stderr.is_empty() {
        Verdict::new("A call has failed, and the program gave its child up for that.")
            .saw(outcome.ending())
            .saw_all(outcome.complaint())
            .ask("Which call was it, what was it told, and what does its man page say of this error?")
            .fail();
    }
    outcome.must_leave_nobody();
    if outcome.exit == Exit::Code(code) {
        return;
    }
    let verdict = match outcome.exit {
        Exit::Code(137) if outcome.stdout.starts_with(b"tidying up") => {
            Verdict::new("The child was asked to end, and had no time to answer: SIGKILL came in the middle of its work.")
                .ask("What is GRACE for, and from when on does it count?")
        }
        Exit::Code(137) => Verdict::new("The child was not asked to end, or had no time to answer: SIGKILL ended it.")
            .ask("Which signal lets a child tidy up, and how long is it given for that?"),
        Exit::Code(other) if let Some(signal) = another_signal(other) => {
            Verdict::new(format!("The child was ended by {signal}, which it should not have been sent."))
                .ask("By which signal is somebody asked to end, and by which one is it made to?")
        }
        _ => Verdict::new("The program does not exit as its child did."),
    };
    verdict
        .saw(format!("expected: exit code {code}"))
        .saw(outcome.ending())
        .saw_all(outcome.complaint())
        .fail()
}

/// The signal, neither SIGTERM nor SIGKILL, by which a child was ended if that is the program's exit code.
fn another_signal(code: i32) -> Option<Signal> {
    let signal = Signal::try_from(code - 128).ok();
    signal.filter(|signal| ![Signal::SIGTERM, Signal::SIGKILL].contains(signal))
}

/// Fails if so much time has not passed since.
fn must_have_lasted(start: Instant, least: u64) {
    let lasted = start.elapsed();
    if lasted < Duration::from_millis(least) {
        Verdict::new("The child was signalled before its time was over.")
            .saw(format!("the whole run lasted {lasted:?}; the child had {least} ms"))
            .ask("From when on does a time count, and in which unit?")
            .fail();
    }
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
    let sleeps = |p: &&Process| p.state == State::Sleeping;
    // First the child has come to rest, and whoever is to hear of that has; then its parent has.
    let stays = |p: &&Process| sleeps(p) && p.call_name().is_some_and(pauses);
    let rests = |running: &mut Running| {
        let child = running.until(|now| now.others().find(stays).map(|child| child.host))?;
        running.until(|now| now.program().filter(sleeps).map(|_| child))
    };
    let Ok(child) = rests(&mut running) else {
        return must_end_with(&running.finish(), 128 + 10);
    };
    kill(child, Signal::SIGSTOP).expect("it can be stopped");
    let stopped = |now: &Snapshot| now.others().any(Process::has_stopped).then_some(());
    let _ = running.until(stopped);
    // Who asks for stops is told of this one before it is over.
    let _ = running.until(|now| now.program().filter(sleeps).map(drop));
    // A SIGCHLD comes for each of the two, and nobody has ended.
    kill(child, Signal::SIGCONT).expect("it can go on");
    if rests(&mut running).is_ok() {
        kill(child, Signal::SIGUSR1).expect("it is there until it is reaped");
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
    // On a busy machine the signals may fail to come: then a limit that begins anew would not have been noticed.
    if !(0..5).any(|_| limit_ends_among_stops()) {
        grader::skip("the limit ends", "this machine is too busy to stop a child until then");
    }
}

/// Fails if it takes it for the end of a time that the program itself was stopped for a moment.
fn must_go_on_after_its_own_stop() {
    let mut running = run(NEVER, NEVER, "plain").start();
    let sleeps = |p: &&Process| p.state == State::Sleeping;
    let stays = |p: &&Process| sleeps(p) && p.call_name().is_some_and(pauses);
    let rests = |running: &mut Running| {
        let child = running.until(|now| now.others().find(stays).map(|child| child.host))?;
        running.until(|now| now.program().filter(sleeps).map(|_| child))
    };
    if rests(&mut running).is_ok() {
        kill(running.pid(), Signal::SIGSTOP).expect("it is there until it is reaped");
        let stopped = |now: &Snapshot| now.program().filter(|p| p.has_stopped()).map(drop);
        let _ = running.until(stopped);
        kill(running.pid(), Signal::SIGCONT).expect("it is there until it is reaped");
        // Whoever gives its child up for that has done so when it sleeps again.
        if let Ok(child) = rests(&mut running) {
            kill(child, Signal::SIGUSR1).expect("it is there until it is reaped");
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
fn limit_ends_among_stops() -> bool {
    const LIMIT: Duration = Duration::from_millis(500);
    // Long enough to have seen it begin anew some times.
    let deadline = Duration::from_secs(2);
    let limited = || run(LIMIT.as_millis() as u64, NEVER, "plain").deadline(deadline);
    let mut running = limited().start();
    let (mut stops, mut last) = (0, None::<Instant>);
    let interrupted = running.until(|now| {
        let rests = |p: &&Process| p.state == State::Sleeping;
        let stays = |p: &&Process| rests(p) && p.call_name().is_some_and(pauses);
        // It may have ended since.
        if let Some(child) = now.others().find(|p| p.has_stopped()) {
            let _ = kill(child.host, Signal::SIGCONT);
        } else if let (Some(child), Some(_)) =
            (now.others().find(stays), now.program().filter(rests))
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
            .saw(format!("the limit is {LIMIT:?}; the child was stopped, and went on, {stops} times"))
            .saw_all(outcome.snapshot.explain())
            .ask("When is the limit to end? And how long is that from now, when something has ended the sleep that was no end of the child?")
            .fail();
    }
    begins_anew || since_the_last.is_none_or(|since| since < LIMIT)
}

/// The calls in which a child of the kind `plain` stays.
fn pauses(call: &str) -> bool {
    matches!(call, "pause" | "ppoll")
}

#[test]
fn who_does_not_end_is_asked_when_the_limit_is_over() {
    grader::worth(1);
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
    let start = Instant::now();
    // Neither time stands for the other one.
    must_end_with(&run(SHORT, 3 * SHORT, "stubborn").finish(), 128 + 9);
    must_have_lasted(start, 4 * SHORT);
}

#[test]
fn nobody_is_signalled_who_has_been_reaped_and_the_program_sleeps() {
    grader::worth(2);
    let judge = |seen: Option<Recorded>| {
        let seen = seen?;
        seen.must(signal_no_group())
            .must(never_look_by_the_clock())
            .must(never_spin())
            .must(signal_nobody_reaped())
            .must(reap_every_child());
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
        run.record().inspect(|seen| must_end_with(&seen.outcome, 5));
    }
    judge(run(LONG, LONG, "quick").recorded().record());
    // It is about to end until the program is about to signal it. Then it ends, and if a thread reaps it, that comes first.
    let mut late = run(SHORT, SHORT, "quick").recorded().inject(hold("P2:exit_group=P1:kill:1"));
    if plain.as_ref().is_some_and(a_thread_reaps) {
        late = late.inject(hold("P1:kill=P3:wait4:1"));
    }
    judge(late.record());
    plain.as_ref().inspect(|seen| must_not_signal_beside_a_reaper(seen));
}

/// Fails unless it hears of an end that came before `watch` has begun: the program is held behind its fork until the child has ended.
fn must_hear_of_an_end_before(seen: &Recorded) {
    let own: Vec<_> =
        seen.steps.iter().filter(|step| step.event.task.to_string() == "P1").collect();
    let forks =
        |step: &&Seen| matches!(step.returns(), Some("fork" | "vfork" | "clone" | "clone3"));
    let Some(fork) = own.iter().position(forks) else { return };
    let masks = |step: &&&Seen| step.begins() == Some("rt_sigprocmask");
    let nth = own[..fork].iter().filter(masks).count() + 1;
    let hold = Injection::hold(&format!("P1:rt_sigprocmask:{nth}=P2:exit_group:1"));
    let run = run(NEVER, NEVER, "quick").deadline(Duration::from_secs(2)).recorded();
    let Some(seen) = run.inject(hold.expect("it is well written")).record() else { return };
    if seen.outcome.exit == Exit::Deadline {
        Verdict::new("The child had ended before the program began to watch it, and nobody had looked before the sleep.")
            .saw_all(seen.outcome.snapshot.explain())
            .ask("What is left of a SIGCHLD that came when nobody listened, and what of the child?")
            .fail();
    }
    must_end_with(&seen.outcome, 5);
}

/// So many looks for one limit are more than rounding makes of it.
const IN_PARTS: usize = 3;

/// Fails if a limit is slept through in parts: nothing happens until it is over.
fn must_sleep_as_a_whole(seen: &Recorded) {
    let until = seen.steps.iter().take_while(|step| step.begins() != Some("kill"));
    let mut slept: BTreeMap<String, &Seen> = BTreeMap::new();
    let mut parts: BTreeMap<String, Vec<&Seen>> = BTreeMap::new();
    for step in until.filter(|step| step.process.to_string() == "P1") {
        let task = step.event.task.to_string();
        let sleeps = parts.entry(task.clone()).or_default();
        match &step.blocked {
            // With a timeout, which must be shorter than the limit if there is another sleep.
            Some(blocked) if blocked.at_most.is_some() => sleeps.push(step),
            Some(_) => drop(slept.insert(task.clone(), step)),
            // It was up, and nothing had happened.
            None if step.sentence.contains("none has") => sleeps.extend(slept.remove(&task)),
            None => {}
        }
        if sleeps.len() == IN_PARTS {
            Verdict::new(format!("{task} gets up by the clock, again and again, to look whether the child has ended."))
                .saw_all(sleeps.iter().map(ToString::to_string))
                .ask("What else than the time should end this sleep, so that it can be as long as the limit?")
                .fail();
        }
    }
}

/// Fails if somebody signals the child while somebody else sleeps in a wait that reaps it: no lock could keep the two apart.
fn must_not_signal_beside_a_reaper(seen: &Recorded) {
    for (at, step) in seen.steps.iter().enumerate().filter(|(_, it)| it.begins() == Some("kill")) {
        let mut met = vec![step.event.task];
        for last in seen.steps[..at].iter().rev() {
            if met.contains(&last.event.task) {
                continue;
            }
            // Its last step until now.
            met.push(last.event.task);
            let call = last.blocked.as_ref().map_or("", |blocked| blocked.call.as_str());
            let reaps = call.starts_with("wait4")
                || call.starts_with("waitid") && !call.contains("WNOWAIT");
            if reaps {
                Verdict::new(format!("{} signals the child while {} sleeps in a wait that reaps it, at whichever moment.", step.event.task, last.event.task))
                    .saw(last.to_string())
                    .saw(step.to_string())
                    .ask("Who knows, right before the signal, that the child has not been reaped yet? What does WNOWAIT leave to be done?")
                    .fail();
            }
        }
    }
}

/// Whether it asks after its child before it first sleeps.
fn looks_before_it_sleeps(seen: &Recorded) -> bool {
    let own = seen.steps.iter().filter(|step| step.process.to_string() == "P1");
    let awake = own.take_while(|step| step.blocked.is_none());
    awake.into_iter().any(|step| step.sentence.contains("asks for a child that has ended"))
}

/// Whether it has a thread that asks after the child.
fn a_thread_reaps(seen: &Recorded) -> bool {
    seen.steps
        .iter()
        .any(|step| step.event.task.to_string() == "P3" && step.begins() == Some("wait4"))
}

/// The calls that have a signal come when a time is over.
const TIMERS: [&str; 3] = ["alarm", "setitimer", "timer_settime"];
/// The calls that such a signal may be to interrupt.
const SLEEPS: [&str; 8] =
    ["wait4", "waitid", "pause", "poll", "select", "nanosleep", "clock_nanosleep", "read"];

/// Where a timer is to end a sleep, it rings once just before that begins. Fails if the program then sleeps all the same.
fn must_hear_a_timer_that_rings_early(seen: &Recorded) {
    let own: Vec<_> =
        seen.steps.iter().filter(|step| step.event.task.to_string() == "P1").collect();
    let begins = |calls: &[&str], step: &Seen| step.begins().is_some_and(|it| calls.contains(&it));
    let Some(set) = own.iter().position(|step| begins(&TIMERS, step)) else { return };
    let Some(sleeps) = own[set..].iter().position(|step| step.blocked.is_some()) else { return };
    let before = &own[..set + sleeps];
    let Some(call) = before.iter().rev().find_map(|step| step.begins()) else { return };
    let nth = before.iter().filter(|step| step.begins() == Some(call)).count();
    if !SLEEPS.contains(&call) {
        return;
    }
    let hold = Injection::hold(&format!("P1:{call}:{nth}")).expect("it is well written");
    // It was set before, so that it rings before: nobody goes on until the signal is there.
    let rings = |program, _| {
        let give_up = Instant::now() + Duration::from_millis(10 * SHORT);
        while Signals::of(program).pending.is_empty() && Instant::now() < give_up {
            std::thread::sleep(Duration::from_millis(1));
        }
    };
    let run = run(SHORT, LONG, "plain").recorded().inject(hold);
    let Some(seen) = run.record_meanwhile(&[], rings) else { return };
    if !seen.stuck.is_empty() {
        Verdict::new(format!("The timer rang just before the program went to sleep in {call}, and nothing wakes it any more."))
            .saw_all(seen.stuck.iter().cloned())
            .ask("What does a signal interrupt that comes a moment too early? Which call takes the time along into the sleep?")
            .fail();
    }
    must_end_with(&seen.outcome, 128 + 15);
}
