//! The library's contract. Each promise is kept by a process of its own, `contract/program.rs`.

use std::time::Duration;

use assert_cmd::Command;

/// What `pipe-contract` prints when it is asked to keep this promise.
#[track_caller]
fn promise(name: &str, printed: &str) {
    Command::new(env!("CARGO_BIN_EXE_pipe-contract"))
        .arg(name)
        .timeout(Duration::from_secs(30))
        .assert()
        .success()
        .stderr("")
        .stdout(printed.to_string());
}

#[test]
fn both_ends_are_close_on_exec_from_the_start() {
    promise(
        "closes_both_ends_at_exec",
        "pipe: FdFlag(FD_CLOEXEC), O_NONBLOCK false\n\
         pipe: FdFlag(FD_CLOEXEC), O_NONBLOCK false\n\
         nonblocking_pipe: FdFlag(FD_CLOEXEC), O_NONBLOCK true\n\
         nonblocking_pipe: FdFlag(FD_CLOEXEC), O_NONBLOCK true\n",
    );
}

#[test]
fn no_end_is_seen_in_an_executed_program() {
    promise("leaks_into_no_program", "a program sees none of them: true\n");
}

#[test]
fn commands_arrive_in_order_and_then_the_end_for_good() {
    promise(
        "delivers_in_order",
        "Signal(SIGQUIT)\nSignal(SIGUSR1)\nSignal(SIGQUIT)\nMasterDied\nMasterDied\n",
    );
}

#[test]
fn receiving_where_nothing_waits_does_not_wait() {
    promise("never_waits_for_a_command", "None\n");
}

#[test]
fn each_worker_hears_of_the_masters_death_while_its_siblings_live() {
    promise("tells_each_worker_of_the_masters_death", "four heard of it while all four lived\n");
}

#[test]
fn a_worker_keeps_one_end_and_the_master_one_for_each_worker() {
    promise(
        "keeps_one_descriptor_each",
        "the worker has 1 more than before\nthe master has 3 more than before\nand then 0\n",
    );
}

#[test]
fn a_stuck_worker_does_not_block_the_master_and_loses_no_command() {
    promise(
        "never_waits_for_a_stuck_worker",
        "PipeFull, after thousands: true\nreceived as many: true\n",
    );
}

#[test]
fn a_command_to_a_dead_worker_is_an_answer_and_kills_nobody() {
    promise("survives_a_dead_worker", "to a dead one: NobodyReads\nto nobody: NobodyReads\n");
}

#[test]
fn a_sibling_born_after_keep_write_ends_hides_no_death() {
    promise("hears_of_a_death_though_a_sibling_is_being_born", "NobodyReads\n");
}

#[test]
fn a_master_that_kept_the_read_end_is_told_so() {
    promise("refuses_to_send_while_it_could_read", "Err(InvalidInput)\nOk(NobodyReads)\n");
}

#[test]
fn a_worker_whose_slot_is_given_away_sees_the_end() {
    promise("lets_go_of_who_had_the_slot", "MasterDied\nMasterDied\n");
}

#[test]
fn keeping_an_end_that_is_not_there_closes_the_others_all_the_same() {
    promise(
        "closes_all_even_where_there_is_nothing_to_keep",
        "Err(NotFound)\n0 left\nErr(NotFound)\n",
    );
}

#[test]
fn a_byte_that_is_no_signal_is_an_error_and_the_next_one_is_read() {
    promise(
        "takes_no_signal_for_what_is_none",
        "Err(InvalidData)\nErr(InvalidData)\nOk(Some(Signal(SIGHUP)))\nOk(Some(MasterDied))\n",
    );
}
