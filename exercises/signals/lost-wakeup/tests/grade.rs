//! How `lost-wakeup` must wait: asleep, and for every SIGTERM that there is.
//!
//! The gap between a look and a sleep is a few instructions wide. The recorder has the signal come in it: right before the program's
//! first call that sleeps, whichever that is.

use grader::facts::*;
use grader::{Exit, Injection, Outcome, Recorded, Run, Running, Seen, State, Verdict};
use nix::sys::signal::{Signal, kill};
use std::collections::BTreeMap;
use std::time::Duration;

/// Every call in which one can sleep until a signal comes.
const SLEEPS: [&str; 17] = [
    "pause",
    "rt_sigsuspend",
    "rt_sigtimedwait",
    "poll",
    "ppoll",
    "select",
    "pselect6",
    "epoll_wait",
    "epoll_pwait",
    "epoll_pwait2",
    "read",
    "readv",
    "recvfrom",
    "recvmsg",
    "futex",
    "nanosleep",
    "clock_nanosleep",
];

/// Before so many changes of the mask SIGTERM comes, in a run each.
const MASKS: usize = 4;

fn run() -> Run {
    Run::new(grader::program!("lost-wakeup"))
}

/// Waits until the program sleeps and has nothing to hear: then sends it this signal.
fn send_when_it_sleeps(mut running: Running, signal: Signal) -> Running {
    let asleep = running.until(|now| {
        let program = now.program()?;
        // One that is blocked stays outside for as long as the program sleeps.
        let signals = &program.signals;
        let heard = signals.pending.iter().all(|pending| signals.blocked.contains(pending));
        let still = program.state == State::Sleeping && heard;
        still.then(|| (program.goes_by_the_clock(), now.describe(program)))
    });
    if let Ok((true, does)) = &asleep {
        Verdict::new(
            "The program sleeps by the clock: it gets up to look whether SIGTERM has come.",
        )
        .saw(format!("the program {does}"))
        .ask("Who could wake it, and at which moment? What is the timeout there for?")
        .fail();
    }
    if asleep.is_err() {
        let outcome = running.finish();
        let awake = outcome.snapshot.program().is_some_and(|p| p.state == State::Running);
        if outcome.exit == Exit::Deadline && awake {
            Verdict::new(
                "The program never sleeps: it looks again and again, and keeps a processor busy.",
            )
            .saw_all(outcome.snapshot.explain())
            .ask("Which call sleeps exactly until a signal's handler has run?")
            .fail();
        }
        outcome.must_end();
        // It slept when the other one was sent.
        if signal == Signal::SIGTERM && outcome.exit == Exit::Code(2) {
            Verdict::new("SIGUSR1 has interrupted the wait, and the program takes that for a failure.")
                .saw(outcome.ending())
                .saw_all(outcome.complaint())
                .ask("What does EINTR tell of the call, and what of SIGTERM? What should be done after it?")
                .fail();
        }
        if signal == Signal::SIGTERM {
            Verdict::new("Another signal has ended the wait: SIGUSR1 was taken for SIGTERM.")
                .saw(outcome.ending())
                .ask("A handler has run: which one, and who knows that?")
                .fail();
        }
        Verdict::new("The program did not wait for SIGTERM.")
            .saw(outcome.ending())
            .saw_all(outcome.complaint())
            .ask("What has `wait_until_told` returned, and has SIGTERM come by then?")
            .fail();
    }
    let sent = kill(running.pid(), signal);
    assert_eq!(sent, Ok(()), "a program that has not been reaped can be signalled");
    running
}

/// Fails unless the program was told, and reports success.
fn must_be_told(outcome: &Outcome) {
    outcome.must_end();
    let told = outcome.stdout.ends_with(b"told\n");
    if outcome.exit != Exit::Code(0) || !told {
        Verdict::new("SIGTERM has come, and the program does not report it.")
            .saw(outcome.ending())
            .saw_all(outcome.complaint())
            .ask("What has `wait_until_told` returned?")
            .fail();
    }
}

#[test]
fn sigterm_ends_the_sleep_and_nothing_else_does() {
    grader::worth(1);
    let mut running = run().start();
    // "ready", or nothing: the handlers are set.
    let _ = running.line();
    let running = send_when_it_sleeps(running, Signal::SIGUSR1);
    // Whoever takes SIGUSR1 for SIGTERM ends now.
    let outcome = send_when_it_sleeps(running, Signal::SIGTERM).finish();
    let program = outcome.snapshot.program();
    if outcome.exit == Exit::Deadline
        && program.is_some_and(|p| p.signals.pending.contains(&Signal::SIGTERM))
    {
        Verdict::new("SIGTERM has come, and waits outside: the program blocks it while it sleeps.")
            .saw_all(outcome.snapshot.explain())
            .ask("Which mask holds during the sleep, and which one should?")
            .fail();
    }
    if outcome.exit == Exit::Deadline
        && program.is_some_and(|p| p.blocked() && p.signals.caught.contains(&Signal::SIGTERM))
    {
        Verdict::new("SIGTERM has come, and its handler has run: and the program sleeps on.")
            .saw("SIGTERM was sent while it slept, and is no longer pending")
            .saw_all(outcome.snapshot.explain())
            .ask("Whom does a handler interrupt, which thread, and in which call? Who looks at what it has noted?")
            .fail();
    }
    must_be_told(&outcome);
}

/// A run in which SIGTERM comes before each of these calls: `read` is every one, `read:2` the second.
fn signalled(calls: &[String]) -> Option<Recorded> {
    let signal =
        |call: &String| Injection::signal(&format!("P1:{call}=TERM")).expect("it is well written");
    // Nobody is sent anything later: who sleeps by the clock now would do so for as long as it may.
    let run = run().deadline(Duration::from_secs(3)).recorded();
    calls.iter().map(signal).fold(run, |run, signal| run.inject(signal)).record()
}

/// A run in which nobody sends anything.
fn undisturbed() -> Option<Recorded> {
    run().deadline(Duration::from_secs(2)).recorded().record()
}

/// The calls of the first thread, each with its number, as `read:2`, and whether SIGTERM would find a handler before it.
fn calls(seen: &Recorded) -> Vec<(String, bool, &Seen)> {
    let own = seen.steps.iter().filter(|step| step.event.task.to_string() == "P1");
    let (mut counts, mut caught) = (BTreeMap::new(), false);
    let mut calls = Vec::new();
    for step in own {
        // What is said on standard error has no number.
        let remark = |call: &&str| step.sentence.contains(&format!(" {call}(2, "));
        if let Some(call) = step.begins().filter(|call| !call.starts_with("write") || !remark(call))
        {
            let nth = counts.entry(call).and_modify(|count| *count += 1).or_insert(1);
            calls.push((format!("{call}:{nth}"), caught, step));
        }
        caught = step.caught.contains(&(Signal::SIGTERM as i32));
    }
    calls
}

/// Whether the first thread's last call has not returned.
fn is_in_a_call(seen: &Recorded) -> bool {
    let own = seen.steps.iter().filter(|step| step.event.task.to_string() == "P1");
    let last = own.rev().find(|step| step.begins().or(step.returns()).is_some());
    last.is_some_and(|step| step.begins().is_some())
}

#[test]
fn a_signal_before_the_wait_is_not_waited_for() {
    grader::worth(1);
    // The first call that writes says "ready": SIGTERM comes before.
    let Some(mut seen) = signalled(&["write:1".into()]) else { return };
    // Where a program has said more before that, there is no handler yet, and SIGTERM ends it.
    let caught = |step: &Seen| step.caught.contains(&(Signal::SIGTERM as i32));
    if seen.outcome.exit == Exit::Signal(Signal::SIGTERM as i32) && !seen.steps.iter().any(caught) {
        let Some(plain) = undisturbed() else { return };
        let ready = |(_, caught, step): &(String, bool, &Seen)| {
            *caught && step.begins() == Some("write") && step.sentence.contains("ready")
        };
        if let Some((says, ..)) = calls(&plain).into_iter().find(ready) {
            let Some(again) = signalled(&[says]) else { return };
            seen = again;
        }
    }
    if !seen.stuck.is_empty() {
        Verdict::new(
            "SIGTERM had come before the wait began, and the program waits for another one.",
        )
        .saw_all(seen.stuck.iter().cloned())
        .ask("Who has noted it, and when is the note looked at for the first time?")
        .fail();
    }
    seen.must(end_by_itself());
    must_be_told(&seen.outcome);
}

#[test]
fn a_signal_between_the_look_and_the_sleep_is_not_lost() {
    grader::worth(3);
    let Some(mut seen) = signalled(&SLEEPS.map(String::from)) else { return };
    // There are more calls to sleep in: for a child, or for a file.
    let elsewhere = seen.unmet.len() == SLEEPS.len();
    if elsewhere {
        let Some(plain) = undisturbed() else { return };
        if let Some((sleeps, ..)) = calls(&plain).last().filter(|_| is_in_a_call(&plain)) {
            let Some(again) = signalled(&[sleeps.clone()]) else { return };
            seen = again;
        }
    }
    seen.must(set_no_timer())
        .must(not_sleep_through(Signal::SIGTERM))
        .must(never_sleep_by_the_clock())
        .must(never_spin())
        .must(end_by_itself());
    must_be_told(&seen.outcome);
    // Nobody sends anything: whoever looks by the clock, in whichever thread, does so now.
    let Some(plain) = undisturbed() else { return };
    // A sleep that the recorder does not know as one lasts until the deadline.
    if !elsewhere || plain.outcome.exit != Exit::Deadline {
        plain.must(never_sleep_by_the_clock());
    }
    // Who blocks it for that must not have looked before. Before it has a handler, it ends the program.
    let calls = calls(&plain);
    let masks = calls.iter().filter(|(.., step)| step.begins() == Some("rt_sigprocmask"));
    for (mask, ..) in masks.filter(|(_, caught, _)| *caught).take(MASKS) {
        let Some(seen) = signalled(&[mask.clone()]) else { return };
        if seen.unmet.is_empty() {
            seen.must(not_sleep_through(Signal::SIGTERM)).must(end_by_itself());
            must_be_told(&seen.outcome);
        }
    }
}
