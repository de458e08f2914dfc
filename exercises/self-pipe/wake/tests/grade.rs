//! What `wake` must make of a SIGTERM: a byte in a pipe of its own, and nothing else inside the handler.

use grader::{Exit, Injection, Interrupted, Outcome, Recorded, Run, Snapshot, Verdict, facts::*};
use nix::sys::signal::{Signal, kill};

fn program() -> Run {
    Run::new(grader::program!("wake"))
}

/// A run in which SIGTERM comes just before the program goes to sleep, and which poll that is: `poll:1`. `None`: nobody may trace here.
fn signalled_before_the_sleep() -> Option<(Recorded, &'static str)> {
    let mut found = (signalled_before(&["poll:1"])?, "poll:1");
    for poll in ["poll:2", "poll:3"] {
        // Who asks its new pipe, before the handler is set, does not sleep there.
        if !was_hit_before_its_handler(&found.0) {
            break;
        }
        let later = signalled_before(&[poll])?;
        if !later.unmet.is_empty() {
            break;
        }
        found = (later, poll);
    }
    Some(found)
}

fn was_hit_before_its_handler(seen: &Recorded) -> bool {
    let sets = seen.steps.iter().any(|step| step.caught.contains(&(Signal::SIGTERM as i32)));
    seen.outcome.exit == Exit::Signal(Signal::SIGTERM as i32) && !sets
}

/// A run in which SIGTERM comes just before each of these calls.
fn signalled_before(calls: &[&str]) -> Option<Recorded> {
    let signal =
        |call: &&str| Injection::signal(&format!("P1:{call}=TERM")).expect("it is well written");
    let run = calls.iter().map(signal).fold(program().recorded(), |run, it| run.inject(it));
    let seen = run.record()?;
    if matches!(seen.outcome.exit, Exit::Code(101)) {
        seen.outcome.must_end();
    }
    Some(seen)
}

fn woken(outcome: &Outcome) -> bool {
    let says = String::from_utf8_lossy(&outcome.stdout);
    outcome.exit == Exit::Code(0) && says.lines().any(|line| line == "woken")
}

fn must_have_been_woken(outcome: &Outcome) {
    if outcome.exit == Exit::Signal(Signal::SIGTERM as i32) {
        Verdict::new("SIGTERM has ended the program: nothing was set for it.")
            .saw(outcome.ending())
            .ask("What happens on a SIGTERM by default, and which call changes that?")
            .fail();
    }
    outcome.must_end();
    if !woken(outcome) {
        Verdict::new("SIGTERM came, and the program did not go on behind its sleep.")
            .saw(format!("it said {:?}", String::from_utf8_lossy(&outcome.stdout)))
            .saw(outcome.ending())
            .saw_all(outcome.complaint())
            .ask("What ends the sleep, and what should be done after it, by whom?")
            .fail();
    }
}

/// Runs until the program sleeps, sends it SIGTERM, and returns how it slept and how it ended.
fn signalled_in_its_sleep() -> (Snapshot, Outcome) {
    let mut running = program().start();
    let asleep = match running.line() {
        Ok(_) => running.until(|now| now.program().filter(|p| p.blocked()).map(|_| now.clone())),
        Err(why) => Err(why),
    };
    match asleep {
        Ok(now) => {
            kill(running.pid(), Signal::SIGTERM).expect("the program is there until it is reaped");
            (now, running.finish())
        }
        Err(why) => {
            let outcome = running.finish();
            if why != Interrupted::Ended || outcome.exit != Exit::Code(0) {
                outcome.must_end();
            }
            Verdict::new("The sleep has ended before any signal came.")
                .saw(outcome.ending())
                .saw_all(outcome.complaint())
                .ask("What does poll find in the pipe: a byte, or its end, since nobody can write to it any more? Who has written, and who holds the other end how long?")
                .fail()
        }
    }
}

#[test]
fn a_signal_ends_the_sleep() {
    grader::worth(1);
    let (_, outcome) = signalled_in_its_sleep();
    // Why it was not woken, a recording shows better than its end.
    if !woken(&outcome)
        && let Some((seen, _)) = signalled_before_the_sleep()
    {
        seen.must(stay_safe_in_handlers()).must(wake_only_itself());
        seen.must(write_one_byte_in_each_handler()).must(not_sleep_through(Signal::SIGTERM));
    }
    must_have_been_woken(&outcome);
}

#[test]
fn a_signal_just_before_the_sleep_is_not_lost() {
    grader::worth(2);
    let Some((seen, poll)) = signalled_before_the_sleep() else { return };
    seen.must(meet_every_injection())
        .must(wake_only_itself())
        .must(not_sleep_through(Signal::SIGTERM));
    seen.must(end_by_itself());
    must_have_been_woken(&seen.outcome);
    // Before the pipe is there: as long as no handler is set, the signal may end the program.
    let Some(seen) = signalled_before(&["pipe:1", "pipe2:1"]) else { return };
    // Who makes no pipe is sent nothing.
    let sent = seen.unmet.len() < 2;
    if sent && seen.outcome.exit != Exit::Signal(Signal::SIGTERM as i32) {
        seen.must(wake_only_itself()).must(end_by_itself());
        must_have_been_woken(&seen.outcome);
    }
    // One while it says that it sleeps, and one before it does.
    let Some(seen) = signalled_before(&["write:1", poll]) else { return };
    if seen.outcome.exit == Exit::Signal(Signal::SIGTERM as i32) {
        // Who says something before its handler is set has been hit there.
        if seen.steps.iter().all(|step| step.handlers.is_empty()) {
            return;
        }
        Verdict::new(
            "A second SIGTERM has ended the program: the handler was set for the first one only.",
        )
        .saw(seen.outcome.ending())
        .ask("What does sigaction(2) say of its flags: which of them takes a handler away again?")
        .fail();
    }
    must_have_been_woken(&seen.outcome);
    // Every one of them puts a byte into the pipe.
    seen.must(write_one_byte_in_each_handler());
}

#[test]
fn the_handler_writes_one_byte_and_does_nothing_else() {
    grader::worth(2);
    let Some((seen, _)) = signalled_before_the_sleep() else { return };
    seen.must(meet_every_injection()).must(run_its_handler(Signal::SIGTERM, 1));
    seen.must(stay_safe_in_handlers()).must(print_nothing_in_handlers());
    seen.must(call_in_handlers_only(&["write", "writev", "getpid"]))
        .must(write_one_byte_in_each_handler());
}

#[test]
fn the_handler_can_never_block() {
    grader::worth(1);
    let (asleep, outcome) = signalled_in_its_sleep();
    let me = asleep.program;
    let own = asleep.pipes().into_iter().filter(|pipe| pipe.is_read_by(me));
    let writers = own.flat_map(|pipe| pipe.writers).filter(|(pid, _)| *pid == me);
    let writers: Vec<_> =
        writers.filter_map(|(pid, number)| asleep.get(pid)?.descriptor(number).cloned()).collect();
    if writers.is_empty() && asleep.program().is_some_and(|p| p.descriptors.is_empty()) {
        grader::skip("the handler can never block", "/proc/PID/fd cannot be read");
        return;
    }
    must_have_been_woken(&outcome);
    if writers.is_empty() {
        Verdict::new("The program has no pipe to itself.")
            .saw_all(asleep.explain())
            .ask("Who reads what the handler writes?")
            .fail();
    }
    // Where it is not to be seen which one the handler uses, it may be any.
    let used = signalled_before_the_sleep().map(|(seen, _)| written_to_in_handlers(&seen));
    let used = used.unwrap_or_default();
    for writer in writers.into_iter().filter(|it| used.is_empty() || used.contains(&it.number)) {
        if writer.flags & nix::libc::O_NONBLOCK == 0 {
            Verdict::new("The end to write to can block: when the pipe is full, the handler waits for the very process that it interrupts.")
                .saw(format!("while it sleeps, the program has descriptor {}, {}, open to write, without O_NONBLOCK", writer.number, writer.target.display()))
                .ask("Who reads this pipe, and what is that one doing while the handler runs?")
                .fail();
        }
    }
}
