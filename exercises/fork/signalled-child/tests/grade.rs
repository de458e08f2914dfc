//! What `signalled-child` must have told of its child's end.

use grader::facts::*;
use grader::{
    Exit, Injection, Interrupted, Outcome, Policy, Recorded, Run, Running, Seed, Seen, State,
    Verdict,
};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::time::{Duration, Instant};

/// So much processor time has who wants it until the deadline, and never sleeps. Before, it may have other work to do.
const SPINNING: Duration = Duration::from_millis(200);

/// The calls that tell of a child's changes.
const WAITS: [&str; 2] = ["wait4", "waitid"];

/// What the parent does while its child is stopped.
enum Parent {
    Sleeps,
    WaitsFor(Pid),
}

/// Starts the program and tells its child what to do: the pipe keeps what the child has not read yet.
fn start(order: &str) -> Running {
    let run = Run::new(grader::program!("signalled-child")).stdin_later();
    // A death by this one leaves a core, where the machine makes one, and the status has a bit for that.
    let leaves_a_core = order == format!("kill {}", Signal::SIGABRT as i32);
    let mut running = if leaves_a_core { run.may_dump_core() } else { run }.start();
    running.tell(format!("{order}\n").as_bytes());
    running
}

/// Fails unless the program has exited with `expected` and has reaped its child; `cause` knows what other codes mean.
fn must_report(
    order: &str,
    outcome: &Outcome,
    expected: i32,
    cause: impl FnOnce(i32) -> Option<Verdict>,
) {
    outcome.must_end();
    if outcome.exit != Exit::Code(expected) {
        let known = match outcome.exit {
            Exit::Code(code) => cause(code),
            _ => None,
        };
        let general = || {
            Verdict::new(format!(
                "The child's end was to be told as {expected}, and was told otherwise."
            ))
            .ask("How did the child end, and what did the parent make of it?")
        };
        known
            .unwrap_or_else(general)
            .saw(format!("the child's order was {order:?}"))
            .saw(format!("expected: exit code {expected}"))
            .saw(outcome.ending())
            .saw_all(outcome.complaint())
            .fail();
    }
    outcome.must_leave_nobody();
    if !outcome.reaped_a_child {
        Verdict::new("The program has reaped no child: it cannot know how its child ended.")
            .saw(outcome.ending())
            .saw("the kernel adds a child's page faults to the parent that waits for it; it added none")
            .ask("Where is the status kept until somebody asks for it?")
            .fail();
    }
}

#[test]
fn an_exit_code_is_told_as_it_is() {
    grader::worth(1);
    let mut seed = Seed::of("signalled-child, codes");
    // Without the code that a panic would have, and without those above all signals.
    let random = seed.random().i32(103..=127);
    for code in [42, 1, random, 143, 255, 0] {
        let order = format!("exit {code}");
        must_report(&order, &start(&order).finish(), code, |got| {
            match got {
            _ if got == (128 + code) % 256 => Some(
                Verdict::new("128 was added to an exit code: it is for signals only.")
                    .ask("Which variant of the status has a code in it, and which one a signal?"),
            ),
            0 => Some(
                Verdict::new("An exit code was told as 0, as if the wait status were the code: its low byte has room for signals only.")
                    .ask("Where in the status is the exit code, and what takes it out?"),
            ),
            _ => None,
        }
        });
    }
}

#[test]
fn a_death_by_signal_is_told_as_128_and_its_number() {
    grader::worth(2);
    use Signal::{SIGABRT, SIGALRM, SIGHUP, SIGINT, SIGKILL, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2};
    let others = [SIGHUP, SIGINT, SIGQUIT, SIGALRM, SIGUSR1, SIGUSR2];
    for signal in [SIGTERM, SIGKILL, SIGABRT].into_iter().chain(others) {
        let number = signal as i32;
        let order = format!("kill {number}");
        let outcome = start(&order).finish();
        if outcome.exit == Exit::Signal(number) {
            Verdict::new(
                "The parent died of its child's signal. It was to live, and to tell of it.",
            )
            .saw(outcome.ending())
            .ask("Whom was the signal meant for, and what is 128 + n for?")
            .fail();
        }
        must_report(&order, &outcome, 128 + number, |got| {
            match got {
            0 => Some(
                Verdict::new("A death by signal was told as exit code 0: as if all were well.")
                    .ask("Is there an exit code in the status of a process that has not exited?"),
            ),
            _ if got == number && signal == SIGABRT => Some(
                Verdict::new("A death by signal that leaves a core was told as something else than one without.")
                    .ask("wait(2): what is WCOREDUMP, and what does waitid's si_code say then? Which bits are the signal's number?"),
            ),
            _ if got == number => {
                Some(Verdict::new("A death by signal was told as the signal's bare number.").ask(
                    format!("How would anybody tell it from a child that exits with {number}?"),
                ))
            }
            _ if got == 256 - number => Some(
                Verdict::new("A death by signal was told as the negative of its number.")
                    .ask("An exit code has eight bits and no sign. What became of the minus?"),
            ),
            1 | 2 | 127 | 128 | 255 => Some(
                Verdict::new(
                    "A death by signal was told as an error, or as one code for all signals.",
                )
                .ask("What would the caller like to know that the status can tell?"),
            ),
            _ => None,
        }
        });
    }
}

#[test]
fn a_stopped_child_has_not_ended() {
    grader::worth(2);
    let mut seed = Seed::of("signalled-child, stop");
    // 19 would be SIGSTOP, taken for an exit code.
    let code = seed.random().i32(30..=100);
    let order = format!("stop {code}");
    let mut running = start(&order);
    let mut has_stopped = false;
    let seen: Result<Parent, Interrupted> = running.until(|now| {
        let child = now.others().find(|p| p.has_stopped())?;
        let had_stopped = std::mem::replace(&mut has_stopped, true);
        let parent = now.program()?;
        if had_stopped && parent.sleeping_for_time() {
            return Some(Parent::Sleeps);
        }
        (had_stopped && parent.blocked()).then_some(Parent::WaitsFor(child.host))
    });
    match seen {
        Ok(Parent::Sleeps) => Verdict::new(
            "The parent goes by the clock: it sleeps for a time, whatever its child does.",
        )
        .saw_all(running.snapshot().explain())
        .ask("How long may a child be stopped? And which call sleeps exactly until it has ended?")
        .fail(),
        Ok(Parent::WaitsFor(child)) => {
            // It is stopped, and its parent has not reaped it, so the pid is still its own.
            let _ = kill(child, Signal::SIGCONT);
            let outcome = running.finish();
            must_stay_when_it_is_continued();
            must_report(&order, &outcome, code, |_| None);
        }
        Err(why) => {
            let outcome = running.finish();
            if why != Interrupted::Deadline {
                outcome.must_end();
            }
            let parent = outcome.snapshot.program();
            let spins = parent.is_some_and(|it| it.state == State::Running && it.cpu >= SPINNING);
            let verdict = match why {
                Interrupted::Deadline if has_stopped && spins => Verdict::new(
                    "The parent spins: it asks again and again whether its child has ended, and never sleeps.",
                )
                .saw_all(outcome.snapshot.explain())
                .ask("What does WNOHANG change about wait, and does this parent have anything else to do?"),
                Interrupted::Ended if !outcome.left_behind.is_empty() => {
                    Verdict::new("A stop was taken for an end: the child is stopped, and lives.")
                        .saw_all(outcome.who_was_left())
                        .ask("Which of the changes that wait(2) can tell of is the last one?")
                }
                Interrupted::Ended => Verdict::new("The child was to be stopped, and the program did not let it be.")
                    .ask("What does a parent do with a child that is stopped, and who should continue it?"),
                _ => Verdict::new("The parent never came to wait while its child was stopped.")
                    .saw_all(outcome.snapshot.explain())
                    .ask("What is there to do for a parent until its child goes on?"),
            };
            verdict.saw(outcome.ending()).saw_all(outcome.complaint()).replay(&seed).fail();
        }
    }
}

/// Fails unless the program stays until its child has ended, when that was stopped and goes on: where it is continued before the parent's first
/// wait, and where that has told of the stop and the parent waits again.
fn must_stay_when_it_is_continued() {
    let Some(seen) = continued_at(&WAITS, &[]) else { return };
    let own = seen.steps.iter().filter(|step| step.event.task.to_string() == "P1");
    let mut calls = own.filter_map(Seen::begins);
    let Some(call) = calls.find(|call| WAITS.contains(call)) else { return };
    continued_at(&[], &[&format!("P1:{call}:2")]);
}

/// Continues the stopped child where somebody makes one of these calls or is held, and fails unless the program stays. The child ends when
/// its parent sleeps again, or is gone.
fn continued_at(calls: &'static [&'static str], holds: &[&str]) -> Option<Recorded> {
    let run = Run::new(grader::program!("signalled-child")).stdin("stop 42").recorded();
    let holds = holds.iter().chain(&["P2:exit_group:1=P1:exit_group:1"]);
    let holds = holds.map(|it| Injection::hold(it).expect("it is well written"));
    let run = holds.fold(run.policy(Policy::ChildFirst), grader::Recording::inject);
    let seen = run.record_meanwhile(calls, |program, _| {
        let children = format!("/proc/{program}/task/{program}/children");
        let children = std::fs::read_to_string(children).unwrap_or_default();
        for child in children.split_whitespace().filter_map(|pid| pid.parse().ok()) {
            // It is stopped, and its parent stands still.
            let _ = kill(Pid::from_raw(child), Signal::SIGCONT);
            stand_again(child);
        }
    })?;
    // Where it was never continued, or nobody is told of that, all of them sleep.
    if !seen.stuck.is_empty() {
        return Some(seen);
    }
    seen.must(stay_for_a_continued_child());
    seen.must(exit_with(42));
    Some(seen)
}

/// Waits until a child that was continued, and is traced, has come to its next stop: that it goes on is then told before anybody goes on.
fn stand_again(child: i32) {
    let is_on_its_way = || {
        let stat = std::fs::read_to_string(format!("/proc/{child}/stat")).unwrap_or_default();
        stat.rsplit_once(')').is_some_and(|(_, state)| state.starts_with(" R"))
    };
    let began = Instant::now();
    while is_on_its_way() && began.elapsed() < Duration::from_secs(3) {
        std::thread::yield_now();
    }
}

#[test]
fn nobody_gets_up_by_the_clock() {
    grader::worth(1);
    for (order, until) in [("exit 42", ""), ("exit 42", "=P1:wait4:2"), ("stop 42", "")] {
        // The parent goes on until it sleeps, or asks once more in vain; who looks at a flag before a pause is held in between.
        let holds = ["P1:pause:1=P2:exit_group:1".to_owned(), format!("P2:read:1{until}")];
        let holds = holds.map(|it| Injection::hold(&it).expect("it is well written"));
        let run = Run::new(grader::program!("signalled-child")).stdin(order);
        let run = run.deadline(Duration::from_secs(3)).recorded().policy(Policy::ParentFirst);
        let Some(seen) = holds.into_iter().fold(run, grader::Recording::inject).record() else {
            return;
        };
        seen.must(set_no_timeout()).must(set_no_timer());
        // Nobody continues a child that has stopped here.
        if order == "exit 42" {
            seen.must(end_by_itself()).must(exit_with(42));
        }
    }
}
