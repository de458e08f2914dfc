//! What must have come of the reads of `retry-eintr`, and how it must have gone on when one was interrupted.
//!
//! Real signals interrupt it, sent while it waits in the kernel; and where somebody may trace, failures come at a chosen read.

use grader::facts::*;
use grader::{
    Exit, Injection, Interrupted, Outcome, Process, Recorded, Run, Running, Seed, Seen, Signals,
    State, Verdict,
};
use nix::sys::signal::{Signal, kill};
use std::ops::Range;

/// How often it is interrupted, one time after the other.
const TIMES: usize = 40;
/// So many of its reads fail in a row, where somebody may trace: whoever counts has no patience left by then.
const MANY: u32 = 110;
/// The calls in which one may sleep by the clock.
const SLEEPS: [&str; 8] = [
    "nanosleep",
    "clock_nanosleep",
    "poll",
    "ppoll",
    "select",
    "pselect6",
    "futex",
    "rt_sigtimedwait",
];
/// More reads than anybody needs who reads to the end once.
const ENOUGH: u32 = MANY + 200;

/// Random letters, for several reads of eight bytes.
fn text(seed: &mut Seed) -> String {
    let length = seed.random().usize(40..60);
    (0..length).map(|_| seed.random().alphanumeric()).collect()
}

fn run() -> Run {
    Run::new(grader::program!("retry-eintr"))
}

/// A recorded run whose reads with these numbers fail with that. Fails if the program goes on reading for ever.
fn failing(text: &str, failures: &[(Range<u32>, &str)]) -> Option<Recorded> {
    let fails = |nth: u32, error: &str| {
        Injection::fail(&format!("read:{nth}={error}")).expect("it is well written")
    };
    // Nobody who stops at the end of the input comes to this one.
    let last = fails(ENOUGH, "EBADF");
    let run = run().stdin(text).recorded().inject(last.clone());
    let each =
        failures.iter().flat_map(|(numbers, error)| numbers.clone().map(|nth| fails(nth, error)));
    let mut seen = each.fold(run, grader::Recording::inject).record()?;
    let came_to_it = !seen.unmet.contains(&last);
    seen.unmet.retain(|injection| *injection != last);
    if came_to_it {
        answered_for_ever()
            .saw(format!("read was called {ENOUGH} times, of a text of {} bytes", text.len()))
            .fail();
    }
    Some(seen)
}

fn answered_for_ever() -> Verdict {
    Verdict::new("The call has its answer, and the program makes it again and again.")
        .ask("Which answer says that a call was interrupted? And does a call that succeeds set errno back?")
}

fn must_have_read(outcome: &Outcome, text: &str, seed: &Seed) {
    let busy = |program: &grader::Process| program.state == State::Running;
    if outcome.exit == Exit::Deadline && outcome.snapshot.program().is_some_and(busy) {
        answered_for_ever().saw_all(outcome.snapshot.explain()).replay(seed).fail();
    }
    outcome.must_end();
    let came = String::from_utf8_lossy(&outcome.stdout).into_owned();
    let last = came.lines().last().unwrap_or_default();
    if outcome.exit == Exit::Code(0) && last == format!("read: {text}") {
        return;
    }
    let verdict = if outcome.exit == Exit::Code(0) {
        Verdict::new("Bytes are lost: what came out is not what was there to read.")
            .saw(format!("there was {text:?}"))
            .saw(format!("came out {last:?}"))
            .ask("How often is `call` made, and what becomes of each of its answers?")
    } else {
        Verdict::new("The program does not report success.")
            .ask("Which answer was taken for an error?")
    };
    verdict.saw(outcome.ending()).saw_all(outcome.complaint()).replay(seed).fail()
}

/// Fails unless the program has ended with this error of the kernel's.
fn must_have_reported(outcome: &Outcome, code: i32, name: &str) {
    outcome.must_end();
    if outcome.exit != Exit::Code(code) {
        Verdict::new(format!(
            "The read failed with {name}, and the program ends otherwise than by reporting that."
        ))
        .saw(format!("expected: exit code {code}, which `main` makes of the error"))
        .saw(outcome.ending())
        .saw_all(outcome.complaint())
        .ask("Which errors may `retry_on_eintr` keep to itself?")
        .fail()
    }
}

/// Waits until the program waits for input. `None`: this machine doesn't show that.
fn until_it_reads(running: &mut Running) -> Result<Option<Process>, Interrupted> {
    running.until(|now| match now.program()?.waits_to_read(0) {
        None => Some(None),
        Some(waits) => waits.then(|| now.program().cloned()),
    })
}

/// Fails if no signal would interrupt it while it waits.
fn must_be_interruptible(program: &Process) {
    let Signals { blocked, ignored, .. } = &program.signals;
    let cause = if blocked.contains(&Signal::SIGUSR1) {
        "SIGUSR1 is blocked while the program reads: no signal interrupts it, and none is heard."
    } else if ignored.contains(&Signal::SIGUSR1) {
        "SIGUSR1 is ignored while the program reads: no signal interrupts it, and none is heard."
    } else {
        return;
    };
    Verdict::new(cause)
        .ask("Whose are the signals of a program that calls `retry_on_eintr`, and what is it to do when one has come?")
        .fail()
}

/// Fails with what has ended the program instead of being interrupted once more.
fn gave_up(running: Running, withstood: usize) -> ! {
    let outcome = running.finish();
    outcome.must_end();
    let cause = match withstood {
        0 => "The program does not wait for its input.".into(),
        // The last signal is the one that it did not survive.
        1 => "The first interruption ends the program: it does not ask again.".into(),
        2 => "The program withstands 1 interruption, and gives up at the next.".into(),
        more => {
            format!("The program withstands {} interruptions, and gives up at the next.", more - 1)
        }
    };
    Verdict::new(cause)
        .saw(outcome.ending())
        .saw_all(outcome.complaint())
        .ask("How many signals may come while a call waits?")
        .fail()
}

/// Fails if the program has told the kernel to begin its reads anew.
fn must_let_reads_be_interrupted(seen: &Recorded) {
    let restarts = |step: &&Seen| {
        ["SIGUSR1", "SA_RESTART"].iter().all(|it| step.sentence.contains(it))
            && step.begins() == Some("rt_sigaction")
    };
    if let Some(step) = seen.steps.iter().find(restarts) {
        Verdict::new("The handler of SIGUSR1 is set so that no read is interrupted any more (SA_RESTART): the kernel asks again.")
            .saw(step.to_string())
            .ask("Whose handler is it, and which calls does SA_RESTART not begin anew (signal(7))?")
            .fail();
    }
}

/// Fails if the program sleeps after an interruption before it asks again.
fn must_ask_at_once(seen: &Recorded) {
    let mut interrupted = false;
    let last = seen.steps.iter().rposition(|step| step.begins() == Some("read"));
    for step in &seen.steps[..last.unwrap_or_default()] {
        if step.returns() == Some("read") {
            interrupted = step.sentence.contains("EINTR");
        } else if interrupted && step.begins().is_some_and(|call| SLEEPS.contains(&call)) {
            Verdict::new("The program sleeps after an interruption, and asks again when it has slept.")
                .saw(step.to_string())
                .ask("What has the program to wait for between the two calls, and where does it wait for its input?")
                .fail();
        }
    }
}

#[test]
fn what_is_read_comes_out() {
    grader::worth(1);
    let mut seed = Seed::of("read");
    let text = text(&mut seed);
    must_have_read(&run().stdin(text.as_str()).finish(), &text, &seed);
}

#[test]
fn it_waits_on_after_each_signal() {
    grader::worth(2);
    let mut seed = Seed::of("signals");
    let text = text(&mut seed);
    let mut running = run().stdin_later().start();
    for sent in 0..TIMES {
        match until_it_reads(&mut running) {
            Ok(Some(program)) => must_be_interruptible(&program),
            Ok(None) => {
                return grader::skip(
                    "it waits on after a signal",
                    "/proc/PID/syscall cannot be read",
                );
            }
            Err(_) => gave_up(running, sent),
        }
        // It cannot be gone: it waits. And if it is, the next line says so.
        let _ = kill(running.pid(), Signal::SIGUSR1);
        if running.line().is_err() {
            gave_up(running, sent);
        }
    }
    if until_it_reads(&mut running).is_err() {
        gave_up(running, TIMES);
    }
    running.tell(text.as_bytes());
    must_have_read(&running.finish(), &text, &seed);
}

#[test]
fn an_interrupted_read_is_made_again() {
    grader::worth(1);
    let mut seed = Seed::of("interrupted");
    let text = text(&mut seed);
    let first = seed.random().u32(1..=4);
    // Once: that is enough to see who sleeps, and who sleeps longer each time comes to no end with many.
    let Some(seen) = failing(&text, &[(first..first + 1, "EINTR")]) else { return };
    must_ask_at_once(&seen);
    let Some(seen) = failing(&text, &[(first..first + MANY, "EINTR")]) else { return };
    seen.must(survive_eintr());
    must_let_reads_be_interrupted(&seen);
    must_ask_at_once(&seen);
    must_have_read(&seen.outcome, &text, &seed);
    seen.must(meet_every_injection());
}

#[test]
fn what_stays_so_is_reported() {
    grader::worth(2);
    let outcome = run().arg("9").finish();
    let busy = |program: &grader::Process| program.state == State::Running;
    if outcome.exit == Exit::Deadline && outcome.snapshot.program().is_some_and(busy) {
        Verdict::new(
            "EBADF is for ever, and the program asks again and again: descriptor 9 is not open.",
        )
        .saw_all(outcome.snapshot.explain())
        .ask("What would have to happen before the answer is another one, and who would do it?")
        .fail();
    }
    must_have_reported(&outcome, 9, "EBADF");
}

#[test]
fn what_might_pass_is_reported_all_the_same() {
    grader::worth(1);
    let mut seed = Seed::of("other errors");
    let text = text(&mut seed);
    for (error, code) in [
        ("EAGAIN", 11),
        ("EIO", 5),
        ("ENOMEM", 12),
        ("EBUSY", 16),
        ("ENOBUFS", 105),
        ("ETIMEDOUT", 110),
    ] {
        let Some(seen) = failing(&text, &[(2..3, error)]) else { return };
        seen.must(give_up_after(error));
        must_have_reported(&seen.outcome, code, error);
    }
}

#[test]
fn another_error_after_an_interruption_is_final() {
    grader::worth(1);
    let text = text(&mut Seed::of("interrupted, then refused"));
    let Some(seen) = failing(&text, &[(2..5, "EINTR"), (5..6, "EIO")]) else { return };
    let outcome = &seen.outcome;
    outcome.must_end();
    let verdict = match outcome.exit {
        Exit::Code(0) => Verdict::new("Once it was interrupted, the program takes every error for an interruption: after EIO, it asks again.")
            .ask("Which answer decides whether the call is made once more: the first one, or the last?"),
        Exit::Code(4) => Verdict::new("The last read failed with EIO, and the program reports EINTR, which an earlier one had.")
            .ask("Which answer is the final one?"),
        _ => return must_have_reported(outcome, 5, "EIO"),
    };
    verdict
        .saw("three reads were interrupted, and the next failed with EIO")
        .saw(outcome.ending())
        .saw_all(outcome.complaint())
        .fail()
}
