//! What facts say of recorded runs, those that hold and those that don't.

use grader::facts::*;
use grader::{Containment, Exit, Gates, Recorded, Run};
use predicates_core::Predicate;
use std::io::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

fn recorded(args: &[&str]) -> Option<Recorded> {
    Run::new(env!("CARGO_BIN_EXE_grader-subject")).args(args).recorded().record()
}

fn verdict(seen: &Recorded, fact: impl Predicate<Recorded>) -> String {
    let failed = catch_unwind(AssertUnwindSafe(|| _ = seen.must(fact)));
    // What it had to decide by says more than that it was wrong.
    let failed = failed.err().unwrap_or_else(|| panic!("there is no verdict against {seen:#?}"));
    *failed.downcast::<String>().expect("a text")
}

#[test]
fn a_child_that_is_waited_for_satisfies_all() {
    let Some(seen) = recorded(&["reap"]) else { return };
    seen.must(end_by_itself())
        .must(make_children(1))
        .must(reap_every_child())
        .must(leave_nobody())
        .must(never_spin())
        .must(never_sleep_by_the_clock())
        .must(set_no_timeout())
        .must(close_nothing_twice())
        .must(signal_no_group())
        .must(call("wait4"))
        .must(block_in("wait4"))
        .must(exit_with(0));
    eprintln!("a recorded run takes {:?}", seen.took);
}

#[test]
fn a_child_that_a_thread_has_made_is_its_processs() {
    let Some(seen) = recorded(&["reap-a-threads"]) else { return };
    seen.must(make_children(1)).must(reap_every_child()).must(reap_the_first_child());
}

#[test]
fn a_zombie_is_told_with_its_steps() {
    let Some(seen) = recorded(&["leave-a-zombie"]) else { return };
    let text = verdict(&seen, reap_every_child());
    assert!(text.starts_with("A child stays a zombie: nobody reaps P2.\n"), "{text}");
    assert!(text.contains("P2 ends with exit code 7"), "{text}");
    assert!(text.contains("To think about: How many children"), "{text}");
    assert!(verdict(&seen, leave_nobody()).contains("P2 has ended, and is a zombie"));
}

#[test]
fn who_never_waits_is_told_whether_it_looks() {
    let Some(seen) = recorded(&["leave-an-orphan"]) else { return };
    let text = verdict(&seen, reap_every_child());
    assert!(text.starts_with("P1 ends before its child P2, and never waits for it.\n"), "{text}");
    let Some(seen) = recorded(&["look-for-an-orphan"]) else { return };
    let text = verdict(&seen, reap_every_child());
    assert!(text.starts_with("P1 ends before its child P2: it looks whether"), "{text}");
    assert!(text.contains("P1 asks for a child that has ended, and none has"), "{text}");
}

#[test]
fn a_recording_names_processes_alike_whatever_pids_they_know() {
    for subject in [["daemon"], ["reap"], ["leave-a-zombie"]] {
        let sentences = |containment| {
            let run = Run::new(env!("CARGO_BIN_EXE_grader-subject")).args(subject);
            let seen = run.contained(containment).recorded().record()?;
            // The bytes of a text are counted as they were, with a pid of so many digits.
            let steps = seen.steps.iter().map(ToString::to_string);
            Some(steps.filter(|step| !step.contains(" bytes to ")).collect::<Vec<_>>())
        };
        let of_the_test = sentences(Containment::Fallback);
        let own = sentences(Containment::Namespaces);
        assert_eq!(own, of_the_test);
        let Some(told) = own else { return };
        assert!(told.iter().any(|step| step.contains("P2")), "{told:#?}");
    }
}

#[test]
fn a_signal_to_ones_own_group_is_told_however_that_is_called() {
    let script = |script: &str| Run::new("/bin/sh").args(["-c", script]).recorded().record();
    for group in ["0", "-- -$group"] {
        let own = "trap '' TERM; read -r _ _ _ _ group _ < /proc/$$/stat";
        let Some(seen) = script(&format!("{own}; kill -s TERM {group}")) else { return };
        assert!(verdict(&seen, signal_no_group()).contains("its whole process group"), "{group}");
    }
}

#[test]
fn a_hang_is_told_at_once_with_who_is_blocked_and_who_could_wake_it() {
    let Some(seen) = recorded(&["own-pipe"]) else { return };
    let text = verdict(&seen, end_by_itself());
    assert!(text.starts_with("The program hangs: "), "{text}");
    assert!(text.contains("P1 is blocked in read("), "{text}");
    assert!(text.contains("write end still open"), "{text}");
    assert!(seen.took < Duration::from_secs(2), "its deadline was 3 s: {:?}", seen.took);
}

#[test]
fn a_reader_that_could_write_to_its_pipe_itself_is_told_of_its_descriptor() {
    let Some(seen) = recorded(&["own-pipe"]) else { return };
    let text = verdict(&seen, hold_no_write_end_while_reading());
    assert!(text.starts_with("P1 reads from a pipe that it could write to itself."), "{text}");
    assert!(text.contains("of P1 is a write end of the same pipe"), "{text}");
    // What it must have done in the end, it can't have done yet: it hangs.
    let text = verdict(&seen, have_a_child_read_to_the_end());
    assert!(text.starts_with("The program hangs: "), "{text}");
    let Some(seen) = recorded(&["reap"]) else { return };
    assert!(verdict(&seen, have_a_child_read_to_the_end()).starts_with("No child reads"));
}

#[test]
fn a_child_that_reads_to_the_end_does_what_a_reader_should() {
    let Some(seen) = recorded(&["message", "6000"]) else { return };
    seen.must(have_a_child_read_to_the_end())
        .must(hold_no_write_end_while_reading())
        .must(write_to_pipes_at_most(6000));
    let text = verdict(&seen, write_to_pipes_at_most(4096));
    assert!(text.starts_with("P1 hands 6000 bytes to one write"), "{text}");
}

#[test]
fn what_has_come_by_a_pipe_is_counted() {
    let Some(seen) = recorded(&["message", "6000"]) else { return };
    seen.must(have_children_read(6000)).must(read_in_all(6000)).must(leave_to_its_children("yyyy"));
    let text = verdict(&seen, leave_to_its_children("xxxx"));
    assert!(text.starts_with("The parent says the child's words."), "{text}");
    let text = verdict(&seen, have_children_read(6001));
    assert!(text.starts_with("The children have read 6000 bytes from pipes"), "{text}");
    let text = verdict(&seen, read_in_all(1 << 20));
    assert!(text.starts_with("What was said did not go from one process"), "{text}");
}

#[test]
fn the_largest_read_is_known() {
    let Some(seen) = recorded(&["message", "6000"]) else { return };
    let read = seen.most_asked_for();
    assert!(read.is_some_and(|bytes| bytes > 1), "{read:?}");
}

#[test]
fn who_asks_again_and_again_spins() {
    let Some(seen) = recorded(&["ask-again"]) else { return };
    let text = verdict(&seen, never_spin());
    assert!(text.starts_with("P1 spins: it asks again and again with wait4"), "{text}");
    // It would do so until its deadline, which nobody waits for.
    let limits = seen.outcome.limits.concat();
    assert_eq!(limits, "4000 times in a row, P1 has asked in vain");
}

#[test]
fn who_gives_up_its_turn_again_and_again_spins_too() {
    let Some(seen) = recorded(&["yield-again"]) else { return };
    let text = verdict(&seen, never_spin());
    assert!(text.starts_with("P1 spins: it asks again and again with sched_yield"), "{text}");
    let limits = seen.outcome.limits.concat();
    assert_eq!(limits, "4000 times in a row, P1 has asked in vain");
}

#[test]
fn who_looks_again_and_again_at_an_end_is_not_waited_for() {
    let Some(seen) = recorded(&["look-again"]) else { return };
    assert_eq!(seen.outcome.exit, Exit::Deadline);
    let limits = seen.outcome.limits.concat();
    assert_eq!(limits, "4000 times in a row, P1 has asked in vain");
}

#[test]
fn what_is_done_from_outside_before_a_call_is_found_by_it() {
    let run = Run::new(env!("CARGO_BIN_EXE_grader-subject")).arg("look-once").stdin_later();
    let Some(seen) = run.clone().recorded().record() else { return };
    seen.must(exit_with(0));
    let says = |program: nix::unistd::Pid, input: Option<std::fs::File>| {
        assert!(std::path::Path::new(&format!("/proc/{program}")).exists(), "it stands still");
        let mut input = input.expect("it comes later");
        input.write_all(b"x").expect("a pipe has room");
    };
    let Some(seen) = run.recorded().record_meanwhile(&["select", "poll"], says) else { return };
    seen.must(exit_with(1));
}

#[test]
fn nobody_else_is_waited_for_in_a_recording() {
    let gates = Gates::new(1);
    let run = Run::new(env!("CARGO_BIN_EXE_grader-subject")).arg("open").args(gates.paths());
    let Some(seen) = run.recorded().record() else { return };
    assert!(seen.stuck.concat().contains("P1 is blocked in openat("), "{:?}", seen.stuck);
    assert_ne!(seen.outcome.exit, Exit::Deadline);
}

#[test]
fn who_sleeps_an_hour_sleeps_by_the_clock() {
    let run = Run::new(env!("CARGO_BIN_EXE_grader-subject")).arg("sleep");
    let Some(seen) = run.deadline(Duration::from_millis(500)).recorded().record() else { return };
    let text = verdict(&seen, never_sleep_by_the_clock());
    assert!(text.starts_with("P1 sleeps by the clock, in clock_nanosleep("), "{text}");
    let text = verdict(&seen, set_no_timeout());
    assert!(text.starts_with("P1 gets up by the clock"), "{text}");
    assert!(verdict(&seen, end_by_itself()).contains("P1 is blocked in clock_nanosleep("));
}

#[test]
fn who_is_held_by_the_recorder_is_not_said_to_be_stopped() {
    let run = Run::new(env!("CARGO_BIN_EXE_grader-subject")).arg("spin-both");
    let Some(seen) = run.deadline(Duration::from_millis(500)).recorded().record() else { return };
    let text = verdict(&seen, never_spin());
    assert!(text.contains("is running, after"), "{text}");
    assert!(text.contains("is held by whoever traces it"), "{text}");
}

#[test]
fn a_verdict_against_a_fact_is_recorded_as_the_learners_and_not_as_a_fault() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    let again = std::process::Command::new(std::env::current_exe().expect("this program"))
        .args(["--exact", "a_zombie_is_told_with_its_steps"])
        .env("GRADER_VERDICTS", file.path())
        .output()
        .expect("it runs");
    assert!(again.status.success(), "{again:?}");
    let records = std::fs::read_to_string(file.path()).expect("records");
    let fail =
        r#""status":"fail","points":0,"max":1,"cause":"A child stays a zombie: nobody reaps P2.""#;
    assert!(records.contains(fail) || records.contains("environment"), "{records}");
}

#[test]
fn of_a_recording_that_was_cut_short_nothing_is_held_to_be_so() {
    let run = Run::new(env!("CARGO_BIN_EXE_grader-subject")).arg("sleep");
    let Some(seen) = run.deadline(Duration::from_millis(500)).recorded().record() else { return };
    assert!(verdict(&seen, close_nothing_twice()).contains("did not end within"));
}
