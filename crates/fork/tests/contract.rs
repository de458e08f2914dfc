//! The library's contract. Each promise is kept by a process of its own, `contract/program.rs`.

use std::time::Duration;

use assert_cmd::Command;
use fork::{Children, Exit};
use nix::unistd::Pid;

/// What `fork-contract` prints when it is asked to keep this promise.
#[track_caller]
fn promise(name: &str, printed: &str) {
    Command::new(env!("CARGO_BIN_EXE_fork-contract"))
        .arg(name)
        .timeout(Duration::from_secs(30))
        .assert()
        .success()
        .stdout(printed.to_string());
}

#[test]
fn spawn_missing_fills_the_free_slots_and_tells_each_child_its_own() {
    promise(
        "fills_free_slots",
        "slot 0: exit code 10\nslot 1: exit code 0\nslot 2: exit code 12\nslot 3: exit code 13\n",
    );
}

#[test]
fn reap_all_reaps_every_child_that_has_ended() {
    promise(
        "reaps_everyone",
        "slot Some(0): exit code 0\nslot Some(1): exit code 1\nslot Some(2): exit code 2\n\
         slot Some(3): exit code 3\nslot Some(4): exit code 4\nthen 0 more, 0 in the table\n",
    );
}

#[test]
fn reap_all_of_no_children_is_no_error() {
    promise("reaps_nobody", "reaped 0\n");
}

#[test]
fn reap_all_does_not_wait_for_the_living() {
    promise("leaves_the_living", "reaped 1\nreaped 0\nslot Some(1) is held still\n");
}

#[test]
fn a_child_that_was_never_in_the_table_is_reaped_without_a_slot() {
    promise("names_a_stranger", "slot None: exit code 3, true\n");
}

#[test]
fn a_death_by_a_real_time_signal_is_told() {
    promise("tells_real_time_signals", "true\n");
}

#[test]
fn signal_15_and_exit_code_15_are_told_apart() {
    promise(
        "tells_signals_from_codes",
        "killed by SIGTERM, for a shell 143\nexit code 15, for a shell 15\n",
    );
}

#[test]
fn a_panic_ends_the_child_with_101_and_never_comes_back() {
    promise(
        "keeps_a_panic_in_the_child",
        "only the parent gets here: exit code 101\nthe parent's value is dropped\n",
    );
}

#[test]
fn what_the_parent_buffered_or_planned_for_its_exit_happens_once() {
    promise("says_text_once", "buffered, written out\nand left\n");
}

#[test]
fn waiting_for_somebody_elses_child_is_echild() {
    promise(
        "refuses_others_children",
        &format!("Err(Some({echild}))\n{echild}\n", echild = libc::ECHILD),
    );
}

#[test]
fn a_signal_does_not_end_the_wait() {
    promise("waits_on_through_signals", "exit code 0\n");
}

#[test]
fn a_fork_that_the_kernel_refuses_leaves_the_table_as_it_was() {
    promise("reports_that_there_is_no_room", "Err(true)\n1 in the table\n");
}

#[test]
fn a_freed_number_is_the_next_to_be_given() {
    let mut children = Children::new();
    for slot in children.missing(4) {
        children.insert(slot, Pid::from_raw(100 + slot as i32));
    }
    assert_eq!(children.remove(Pid::from_raw(102)), Some(2));
    assert_eq!(children.remove(Pid::from_raw(100)), Some(0));
    assert_eq!(children.remove(Pid::from_raw(100)), None, "it was forgotten already");
    assert_eq!(children.missing(5), [0, 2, 4]);
    assert_eq!(children.len(), 2);
}

#[test]
fn a_stop_is_not_an_end() {
    let stopped_by_sigstop = (libc::SIGSTOP << 8) | 0x7f;
    assert_eq!(Exit::from_wait_status(stopped_by_sigstop), None);
}
