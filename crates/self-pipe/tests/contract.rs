//! The library's contract. Each promise is kept by a process of its own, `contract/program.rs`.

use std::time::Duration;

use assert_cmd::Command;

/// What `self-pipe-contract` prints when it is asked to keep this promise.
#[track_caller]
fn promise(name: &str, printed: &str) {
    Command::new(env!("CARGO_BIN_EXE_self-pipe-contract"))
        .arg(name)
        .timeout(Duration::from_secs(30))
        .assert()
        .success()
        .stdout(printed.to_string());
}

#[test]
fn both_ends_are_nonblocking_and_closed_at_exec_and_so_are_renewed_ones() {
    let ends = "read end: nonblocking true, cloexec true\n\
                write end: nonblocking true, cloexec true\n";
    promise("makes_safe_ends", &ends.repeat(2));
}

#[test]
fn draining_an_empty_pipe_does_not_wait() {
    promise("drains_an_empty_pipe", "came back\n");
}

#[test]
fn a_wake_before_the_sleep_ends_it_and_only_it() {
    promise("keeps_a_wake_for_the_next_sleep", "Wake\nTimeout\n");
}

#[test]
fn a_signal_during_the_sleep_ends_it() {
    promise("wakes_a_sleeper", "Wake\nWake, [\"SIGUSR1\"]\n");
}

#[test]
fn a_drain_leaves_no_byte() {
    promise("drains_all", "5000 bytes\n0 bytes, Timeout\n");
}

#[test]
fn a_full_pipe_never_blocks_the_handler_and_loses_no_signal() {
    promise(
        "never_blocks_a_handler",
        "full: true\nWake, [\"SIGUSR1\", \"SIGTERM\"]\n0 bytes, Timeout\n",
    );
}

#[test]
fn errno_is_after_a_signal_what_it_was_before() {
    promise("keeps_errno", "ENOENT\nENOENT\n");
}

#[test]
fn a_child_that_has_not_renewed_never_wakes_its_parent() {
    promise("guards_the_parent", "Timeout, []\n");
}

#[test]
fn a_renewed_child_wakes_itself_and_not_its_parent() {
    promise(
        "renews_in_a_child",
        "another pipe: true\nends of the parent's: 0\n\
         child: Wake, [\"SIGUSR1\"]\nparent: Timeout, []\n",
    );
}

#[test]
fn a_renewed_child_does_not_act_on_its_parents_signals() {
    promise("leaves_the_parent_its_signals", "child: Timeout, []\nparent: Wake, [\"SIGTERM\"]\n");
}

#[test]
fn a_signal_that_was_blocked_until_the_child_renewed_is_not_lost() {
    promise("loses_nothing_while_blocked", "Wake, [\"SIGTERM\"]\n");
}

#[test]
fn to_renew_in_the_process_that_made_the_pipe_changes_nothing() {
    promise("renews_nothing_in_the_owner", "the same pipe: true\nWake, [\"SIGTERM\"]\n");
}

#[test]
fn signals_are_taken_in_order_of_arrival_and_one_of_a_kind() {
    promise(
        "keeps_the_order",
        "[\"SIGHUP\", \"SIGUSR1\", \"SIGTERM\", \"SIGTTIN\"]\n[\"SIGTTIN\", \"SIGHUP\"]\n",
    );
}

#[test]
fn a_signal_that_comes_while_its_kind_is_acted_on_is_queued_again() {
    promise("takes_a_signal_before_it_is_acted_on", "Some(SIGHUP), Some(SIGHUP), None\n");
}

#[test]
fn nobody_sleeps_while_a_signal_waits() {
    promise(
        "does_not_sleep_while_a_signal_waits",
        "Wake, Some(SIGHUP)\nWake, Some(SIGTERM)\nTimeout, None\n",
    );
}

#[test]
fn a_signal_that_only_wakes_is_not_queued() {
    promise("does_not_queue_what_only_wakes", "Wake, None\n");
}

#[test]
fn other_signals_neither_end_a_sleep_nor_prolong_it() {
    promise("sleeps_on_through_other_signals", "Timeout\ninterrupted: true\ntoo early: false\n");
}

#[test]
fn other_descriptors_end_a_sleep_and_a_wake_goes_first() {
    promise(
        "waits_for_others_too",
        "Ready([2])\nReady([1, 2])\nWake, then Ready([1, 2])\nTimeout\n",
    );
}

#[test]
fn a_signal_that_cant_be_caught_is_refused_and_nothing_stays_set() {
    promise(
        "refuses_what_cant_be_caught",
        "EINVAL: true\nSIGTERM caught: false\nnext one made: true\n",
    );
}

#[test]
fn there_is_one_in_a_process_and_the_next_begins_empty() {
    promise("is_one_of_a_kind", "Err(AlreadyExists)\nTimeout, []\n");
}

#[test]
fn dropping_it_resets_the_handlers_and_closes_both_ends() {
    promise("leaves_nothing_behind", "2 ends, true\n0 ends, false\n");
}
