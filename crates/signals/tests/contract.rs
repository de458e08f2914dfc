//! The library's contract. Each promise is kept by a process of its own, `contract/program.rs`.

use std::time::Duration;

use assert_cmd::Command;

/// What `signals-contract` prints when it is asked to keep this promise.
#[track_caller]
fn promise(name: &str, printed: &str) {
    Command::new(env!("CARGO_BIN_EXE_signals-contract"))
        .arg(name)
        .timeout(Duration::from_secs(30))
        .assert()
        .success()
        .stdout(printed.to_string());
}

#[test]
fn kill_and_stop_refuse_every_disposition_and_can_be_asked_about() {
    promise(
        "refuses_kill_and_stop",
        "SIGKILL Some(EINVAL)\nSIGKILL Some(EINVAL)\nSIGKILL Some(EINVAL)\nSIGKILL Default\n\
         SIGSTOP Some(EINVAL)\nSIGSTOP Some(EINVAL)\nSIGSTOP Some(EINVAL)\nSIGSTOP Default\n",
    );
}

#[test]
fn a_disposition_is_told_as_it_was_set_by_us_or_by_rusts_runtime() {
    promise("tells_what_is_set", "Default\nCaught\nIgnored\nSIGPIPE Ignored, SIGSEGV Caught\n");
}

#[test]
fn a_handler_interrupts_a_blocked_read() {
    promise("interrupts_a_blocked_call", "Err(EINTR), 1 run\n");
}

#[test]
fn errno_is_after_the_handler_what_it_was_before() {
    promise("keeps_errno", "ENOENT, 1 run\nwhat the work returns\n");
}

#[test]
fn a_blocked_signal_waits_and_three_of_a_kind_are_delivered_as_one() {
    promise("holds_back_and_lets_in", "0 runs, pending [SIGUSR1]\n1 run, pending []\n");
}

#[test]
fn dropping_a_block_puts_back_the_mask_that_was_and_not_an_empty_one() {
    promise("puts_back_the_mask_that_was", "true true\ntrue false\ntrue false\nfalse false\n");
}

#[test]
fn a_signal_between_fork_and_reset_meets_the_childs_default_and_never_the_parents_handler() {
    promise("child_is_done_with_its_parents_handlers", "the child: SIGTERM\nthe parent: 1 run\n");
}

#[test]
fn a_childs_own_handlers_are_set_before_anything_is_let_in() {
    promise("child_answers_by_its_own_handler", "exit code 10\n");
}

#[test]
fn a_child_begins_with_the_parents_old_mask_and_ignores_what_its_parent_ignored() {
    promise(
        "child_keeps_what_is_ignored_and_what_was_blocked",
        "SIGHUP Ignored, SIGTERM Default\nSIGUSR1 true, SIGTERM false\nexit code 0\n",
    );
}

#[test]
fn a_child_whose_set_up_fails_lets_nothing_in() {
    promise("child_that_cannot_set_up_stays_deaf", "exit code 1\n");
}

#[test]
fn a_signal_between_the_last_look_and_the_sleep_is_not_slept_through() {
    promise("sleeps_through_nothing", "1 run, blocked again: true\n");
}

#[test]
fn a_sleep_ends_when_a_handler_has_run() {
    promise("sleeps_until_a_handler_has_run", "1 run\n");
}
