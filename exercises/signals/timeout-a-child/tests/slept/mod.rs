//! How the program has slept, for whom it looked, and whom it signalled meanwhile, by what a recording shows.

use super::{LONG, NEVER, SHORT, must_end_with, run};
use grader::{Exit, Injection, Process, Recorded, Seen, Signals, State, Verdict};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Fails unless it hears of an end that came before `watch` has begun: the program is held behind its fork until the child has ended.
pub(crate) fn must_hear_of_an_end_before(seen: &Recorded) {
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

/// Fails unless it hears of an end that came right behind its look.
pub(crate) fn must_hear_of_an_end_behind_its_look(seen: &Recorded) {
    let now = &seen.outcome.snapshot;
    let is_zombie = |p: &Process| p.state == State::Zombie;
    if seen.outcome.exit == Exit::Deadline && now.others().any(is_zombie) {
        Verdict::new("The child has ended right behind the program's look, and the program does not hear of it.")
            .saw_all(now.explain())
            .ask("What is left of a SIGCHLD that comes when nothing has been done about it yet? Which comes first, that or the look?")
            .fail();
    }
    must_end_with(&seen.outcome, 5);
}

/// The calls that sleep until something has happened, or a time is up, or that only ask.
const ASKS: [&str; 11] = [
    "wait4",
    "waitid",
    "poll",
    "ppoll",
    "select",
    "pselect6",
    "epoll_wait",
    "epoll_pwait",
    "epoll_pwait2",
    "rt_sigtimedwait",
    "read",
];
/// So many of them without a sleep are asking again and again. Who had no processor until its limit was over has made a few.
const AGAIN_AND_AGAIN: usize = 20;

/// The calls that send the child a signal. tgkill(2) is one that a program may wake its own threads by.
const SIGNALS: [&str; 3] = ["kill", "rt_sigqueueinfo", "pidfd_send_signal"];

/// The call by which the child is signalled that begins with this step.
fn signals(step: &Seen) -> Option<&str> {
    let child = |call: &str| call == "tgkill" && step.sentence.contains("P2");
    step.begins().filter(|call| SIGNALS.contains(call) || child(call))
}

/// What happens until somebody is signalled for the first time.
fn until_a_signal(seen: &Recorded) -> impl Iterator<Item = &Seen> {
    seen.steps.iter().take_while(|step| signals(step).is_none())
}

/// The call by which the program signals its child first.
pub(crate) fn signals_by(seen: &Recorded) -> Option<&str> {
    seen.steps.iter().find_map(signals)
}

/// Fails if nobody in the program sleeps until the limit is over.
pub(crate) fn must_sleep_until_the_limit(seen: &Recorded) {
    let until = until_a_signal(seen);
    let own: Vec<_> = until.filter(|step| step.process.to_string() == "P1").collect();
    let asks = |step: &&&Seen| step.returns().is_some_and(|call| ASKS.contains(&call));
    let asked: Vec<_> = own.iter().filter(asks).collect();
    if own.iter().any(|step| step.blocked.is_some()) || asked.len() < AGAIN_AND_AGAIN {
        return;
    }
    // Beside a look, the call that should sleep.
    let last = &asked[asked.len() - 4..];
    let call = last.iter().filter_map(|step| step.returns()).max_by_key(|call| *call != "wait4");
    Verdict::new(format!(
        "The program asks again and again with {}, and never sleeps: it keeps a processor busy until the limit is over.",
        call.unwrap_or_default()
    ))
    .saw_all(last.iter().map(ToString::to_string))
    .ask("Which call sleeps until something has happened, or a time is up? If it is this one: which time was it told, in which unit?")
    .fail();
}

/// Fails if a signal has reached nobody, and the program does not mind: it does not send the same one again, to somebody who is there.
pub(crate) fn must_reach_the_child(seen: &Recorded) {
    let kills = |step: &Seen| step.begins() == Some("kill");
    let answer = |at: usize| seen.steps[at..].iter().find(|step| step.returns() == Some("kill"));
    let signal = |at: usize| seen.steps[at].sentence.rsplit(", ").next();
    let calls: Vec<_> = (0..seen.steps.len()).filter(|at| kills(&seen.steps[*at])).collect();
    let failed = |at: &usize| answer(*at).filter(|step| step.sentence.contains("ESRCH"));
    let again = |at: usize, later: usize| {
        later > at
            && signal(later) == signal(at)
            && answer(later).is_some_and(|it| it.result().is_some())
    };
    let unminded = |at: &usize| failed(at).is_some() && !calls.iter().any(|it| again(*at, *it));
    let Some(at) = calls.iter().copied().find(unminded) else { return };
    Verdict::new("A signal that should end the child has reached nobody: kill(2) has failed with ESRCH.")
        .saw(seen.steps[at].to_string())
        .saw_all(failed(&at).map(ToString::to_string))
        .ask("kill(2): to whom does a signal go, by which value of its pid? Which of them does somebody have?")
        .fail();
}

/// Where a child was not ended in time, or the program does not sleep: fails if a recording shows why.
pub(crate) fn look_closer() {
    let run = run(SHORT, LONG, "plain").deadline(Duration::from_secs(3));
    let Some(seen) = run.recorded().record() else { return };
    must_sleep_until_the_limit(&seen);
    must_reach_the_child(&seen);
}

/// So many looks for one limit are more than rounding makes of it.
const IN_PARTS: usize = 3;

/// Fails if a limit is slept through in parts: nothing happens until it is over.
pub(crate) fn must_sleep_as_a_whole(seen: &Recorded) {
    let until = until_a_signal(seen);
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
pub(crate) fn must_not_signal_beside_a_reaper(seen: &Recorded) {
    // What a pidfd leads to stays the child.
    let by_pid = |step: &Seen| signals(step).is_some_and(|call| call != "pidfd_send_signal");
    for (at, step) in seen.steps.iter().enumerate().filter(|(_, it)| by_pid(it)) {
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
pub(crate) fn looks_before_it_sleeps(seen: &Recorded) -> bool {
    let own = seen.steps.iter().filter(|step| step.process.to_string() == "P1");
    let awake = own.take_while(|step| step.blocked.is_none());
    awake.into_iter().any(|step| step.sentence.contains("asks for a child that has ended"))
}

/// Whether it has a thread that asks after the child.
pub(crate) fn a_thread_reaps(seen: &Recorded) -> bool {
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
pub(crate) fn must_hear_a_timer_that_rings_early(seen: &Recorded) {
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
