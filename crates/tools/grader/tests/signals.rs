//! What facts say of handlers, and of signals that come between two calls.

use grader::facts::*;
use grader::{Between, Injection, Recorded, Run, State};
use nix::sys::signal::Signal;
use predicates_core::Predicate;
use std::panic::{AssertUnwindSafe, catch_unwind};

fn subject(args: &[&str]) -> Run {
    Run::new(env!("CARGO_BIN_EXE_grader-subject")).args(args)
}

/// The subject, sent SIGUSR1 before the first of each of these calls.
fn signalled(args: &[&str], calls: &[&str]) -> Option<Recorded> {
    let run = subject(args);
    let signal =
        |call: &&str| Injection::signal(&format!("P1:{call}=USR1")).expect("it is well written");
    calls
        .iter()
        .map(signal)
        .fold(run.recorded().show_allocations(), |run, it| run.inject(it))
        .record()
}

fn verdict(seen: &Recorded, fact: impl Predicate<Recorded>) -> String {
    let failed = catch_unwind(AssertUnwindSafe(|| _ = seen.must(fact)));
    let failed = failed.err().unwrap_or_else(|| panic!("there is no verdict against {seen:#?}"));
    *failed.downcast::<String>().expect("a text")
}

/// The handler of that name has run in the middle of a `println!`.
fn handled_by(name: &str) -> Option<Recorded> {
    signalled(&["handler", name], &["write"])
}

#[test]
fn a_handler_that_takes_a_note_satisfies_all() {
    let Some(seen) = handled_by("notes") else { return };
    seen.must(end_by_itself())
        .must(stay_safe_in_handlers())
        .must(call_in_handlers_only(&[]))
        .must(print_nothing_in_handlers())
        .must(run_its_handler(Signal::SIGUSR1, 1))
        .must(not_sleep_through(Signal::SIGUSR1));
    assert!(
        verdict(&seen, run_its_handler(Signal::SIGUSR1, 2))
            .starts_with("The handler of SIGUSR1 runs 1 time, and not 2.")
    );
}

#[test]
fn a_handler_that_does_not_return_is_not_waited_for() {
    let Some(seen) = handled_by("asks-on") else { return };
    assert_eq!(seen.outcome.limits.concat(), "P1 has made 1000 calls in a handler");
}

/// Has a handler come again within itself; whether the program lives then.
fn again(handler: &str) -> (Between, bool) {
    let mut running = subject(&["sleep-with", handler]).start();
    let asleep = running.until(|now| now.program()?.blocked().then_some(()));
    assert_eq!(asleep, Ok(()));
    let between = running.signal_within_its_handler(Signal::SIGUSR1);
    (between, running.snapshot().program().is_some_and(|it| it.state != State::Zombie))
}

#[test]
fn a_handler_that_does_not_return_does_not_come_again_after_each_instruction() {
    // Where it makes calls, that is seen; where it makes none, only its time is, and it is ended.
    for (handler, lives) in [("asks-on", true), ("computes", false)] {
        match again(handler) {
            (Between::Refused(errno), _) => {
                grader::skip("a signal within its handler", errno.desc())
            }
            other => assert_eq!(other, (Between::Through(1), lives), "{handler}"),
        }
    }
}

#[test]
fn a_lock_that_only_the_handler_takes_is_seen_when_it_comes_again() {
    match (again("notes").0, again("locks").0) {
        (Between::Refused(errno), _) => grader::skip("a signal within its handler", errno.desc()),
        // A handler has more instructions than a few, and none twice.
        (Between::Through(4..1000), Between::Locks(1..)) => {}
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_a_handler_must_not_do_is_told() {
    let told = |name: &str, cause: &str| {
        let Some(seen) = handled_by(name) else { return };
        let text = verdict(&seen, stay_safe_in_handlers());
        assert!(text.starts_with(cause), "{text}");
        assert!(text.contains("step "), "{text}");
        assert!(
            verdict(&seen, call_in_handlers_only(&["write"]))
                .starts_with("The handler of SIGUSR1 ")
        );
    };
    told("prints", "The handler of SIGUSR1 prints, and panics there.");
    told("allocates", "The handler of SIGUSR1 asks for memory, or gives it back.");
    told("locks", "The handler of SIGUSR1 waits for a lock.");
    told("leaves", "The handler of SIGUSR1 ends the program.");
}

#[test]
fn a_handler_that_prints_is_told_where_nothing_else_goes_wrong() {
    let Some(seen) = signalled(&["handler", "prints"], &["exit_group"]) else { return };
    seen.must(stay_safe_in_handlers());
    let text = verdict(&seen, print_nothing_in_handlers());
    assert!(text.starts_with("The handler of SIGUSR1 prints."), "{text}");
}

/// The subject's SIGUSR1 comes right before it goes to sleep.
fn slept_by(way: &str) -> Option<Recorded> {
    signalled(&["wait-for-a-signal", way], &["pause", "read", "rt_sigsuspend"])
}

#[test]
fn a_wake_up_that_is_lost_is_told_as_lost() {
    let Some(seen) = slept_by("pauses") else { return };
    let text = verdict(&seen, not_sleep_through(Signal::SIGUSR1));
    assert!(text.starts_with("SIGUSR1 came before the sleep: its handler ran"), "{text}");
    assert!(text.contains("P1 sleeps in pause(), and waits for a signal"), "{text}");
    let Some(gap) = slept_by("unblocks") else { return };
    let text = verdict(&gap, not_sleep_through(Signal::SIGUSR1));
    assert!(text.starts_with("SIGUSR1 was let in one step before the sleep"), "{text}");
    let Some(right) = slept_by("suspends") else { return };
    right.must(end_by_itself()).must(not_sleep_through(Signal::SIGUSR1));
    right.must(hold_back_at(Signal::SIGUSR1, "rt_sigsuspend"));
    assert!(
        verdict(&seen, hold_back_at(Signal::SIGUSR1, "pause"))
            .starts_with("SIGUSR1 is not blocked when P1 calls pause.")
    );
}

#[test]
fn a_signal_that_is_blocked_wakes_nobody_and_that_is_told() {
    let Some(seen) = slept_by("blocks") else { return };
    let text = verdict(&seen, not_sleep_through(Signal::SIGUSR1));
    assert!(text.starts_with("SIGUSR1 has come, and waits outside: P1 blocks it"), "{text}");
}

#[test]
fn a_call_that_begins_again_is_told_apart_from_one_that_is_made_again() {
    let told = |way: &str, words: &str| {
        let Some(seen) = signalled(&["wait-for-a-signal", way], &[]) else { return };
        let text = verdict(&seen, not_sleep_through(Signal::SIGUSR1));
        assert!(text.starts_with("The handler of SIGUSR1 ran"), "{text}");
        assert!(text.contains(words), "{text}");
    };
    let Some(seen) = signalled(&["wait-for-a-signal", "restarts"], &[]) else { return };
    let text = verdict(&seen, be_interrupted_by(Signal::SIGUSR1));
    assert!(text.starts_with("SIGUSR1 interrupts nothing"), "{text}");
    told("restarts", "and then read began again by itself: P1 sleeps on.");
    told("asks-again", "interrupted read, and P1 calls it again at once.");
}

#[test]
fn the_byte_of_a_handler_is_followed_to_whom_it_wakes() {
    let with = |way: &str| signalled(&["self-pipe", way], &[]);
    let Some(seen) = with("own") else { return };
    seen.must(exit_with(0)).must(wake_only_itself()).must(write_one_byte_in_each_handler());
    let told = |way: &str, cause: &str| {
        let Some(seen) = with(way) else { return };
        let text = match way {
            "two-bytes" => verdict(&seen, write_one_byte_in_each_handler()),
            _ => verdict(&seen, wake_only_itself()),
        };
        assert!(text.starts_with(cause), "{text}");
        assert!(text.contains("step "), "{text}");
    };
    told("inherited", "P2 wakes another process: its handler writes into the pipe of P1.");
    told("closed", "The handler of P1 writes to descriptor 4, which is closed");
    told("wrong-end", "The handler of P1 writes to descriptor 3, which is an end to read from");
    told("two-bytes", "The handler writes 2 bytes, and one is enough.");
}

#[test]
fn a_sleep_that_lets_a_signal_in_is_not_by_the_clock() {
    let Some(seen) = signalled(&["wait-for-a-signal", "ppolls"], &[]) else { return };
    seen.must(block_in("ppoll")).must(never_sleep_by_the_clock()).must(end_by_itself());
}
