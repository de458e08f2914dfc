//! What facts say of programs that become other ones: what is open in them, and what is set for their signals.

use grader::facts::*;
use grader::{Injection, Recorded, Run};
use nix::sys::signal::Signal;
use predicates_core::Predicate;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

fn starts(how: &str, holds: &[&str]) -> Option<Recorded> {
    let recording = Run::new(env!("CARGO_BIN_EXE_grader-subject")).args(["starts", how]).recorded();
    let hold = |text: &&str| Injection::hold(text).expect("it is well written");
    holds.iter().map(hold).fold(recording, grader::Recording::inject).record()
}

#[track_caller]
fn told(seen: &Recorded, fact: impl Predicate<Recorded>, words: &str) {
    let failed = catch_unwind(AssertUnwindSafe(|| _ = seen.must(fact)));
    let failed = failed.err().unwrap_or_else(|| panic!("nothing is told against {seen:#?}"));
    let text = *failed.downcast::<String>().expect("a text");
    assert!(text.contains(words), "{text}");
}

#[test]
fn what_is_close_on_exec_from_its_birth_leaks_to_nobody() {
    let Some(seen) = starts("marked", &[]) else { return };
    seen.must(leak_nothing_to_exec()).must(have_open_at_exec(&[0, 1, 2]));
}

#[test]
fn what_was_never_marked_is_open_in_the_program() {
    let Some(seen) = starts("unmarked", &[]) else { return };
    told(
        &seen,
        leak_nothing_to_exec(),
        "is open what nobody gave to it: descriptor 3, the read end",
    );
    told(&seen, leak_nothing_to("word"), "P2 becomes another program");
    told(&seen, have_open_at_exec(&[0, 1, 2]), "open are [0, 1, 2, 3, 4]");
    seen.must(leak_nothing_to("another word"));
}

#[test]
fn a_mark_after_the_fork_is_not_the_childs() {
    let Some(seen) = starts("late", &["P2:execve:1"]) else { return };
    told(
        &seen,
        leak_nothing_to_exec(),
        "P1 has marked descriptor 3, the read end of pipe 1, only after the fork",
    );
}

#[test]
fn who_starts_a_program_elsewhere_knows_nothing_of_a_descriptor() {
    let Some(seen) = starts("elsewhere", &[]) else { return };
    told(&seen, leak_nothing_to_exec(), "P2 starts a program, which inherits a descriptor of P1's");
}

#[test]
fn between_making_and_marking_another_thread_can_start_a_program() {
    let Some(seen) = starts("between", &["P1:fcntl:1"]) else { return };
    told(
        &seen,
        leak_nothing_to_exec(),
        "Between the call that made descriptor 3 and the one that marked it",
    );
}

#[test]
fn a_signal_that_is_blocked_at_an_exec_is_told() {
    let run = Run::new(env!("CARGO_BIN_EXE_grader-subject")).arg("becomes");
    let Some(seen) = run.deadline(Duration::from_millis(500)).recorded().record() else { return };
    told(&seen, block_no_signal_at_exec(), "P1 becomes another program with SIGUSR1 blocked");
    let Some(seen) = starts("marked", &[]) else { return };
    seen.must(block_no_signal_at_exec());
}

#[test]
fn a_process_shows_what_is_set_for_its_signals_before_and_after_an_exec() {
    let run = Run::new(env!("CARGO_BIN_EXE_grader-subject")).arg("becomes");
    let mut running = run.stdin_later().start();
    running.line().expect("a line");
    let now = running.snapshot();
    let before = now.program().expect("the program");
    assert_eq!(before.signals.blocked, [Signal::SIGUSR1]);
    assert!(before.signals.ignored.contains(&Signal::SIGUSR2));
    assert!(before.signals.caught.contains(&Signal::SIGTERM));
    running.tell(b"x");
    let after = running.until(|now| now.program().filter(|p| p.name == "sleep").cloned());
    let after = after.expect("it sleeps");
    assert_eq!(after.signals.blocked, [Signal::SIGUSR1]);
    assert_eq!(after.signals.ignored, [Signal::SIGUSR2, Signal::SIGPIPE]);
    assert_eq!(after.signals.caught, []);
}
