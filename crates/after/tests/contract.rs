//! The library's contract. Each promise is kept by a process of its own, `contract/program.rs`.

use assert_cmd::Command;
use story::DEADLINE;

/// What `after-contract` prints when it is asked to keep this promise.
#[track_caller]
fn promise(name: &str, printed: &str) {
    Command::new(env!("CARGO_BIN_EXE_after-contract"))
        .arg(name)
        .timeout(DEADLINE)
        .assert()
        .success()
        .stderr("")
        .stdout(printed.to_string());
}

#[test]
fn a_pidfd_is_readable_from_the_childs_end_on() {
    promise("is_readable_from_its_end_on", "alive: false\ndead: true\nreaped: true\n");
}

#[test]
fn wait_reaps_this_child_even_if_another_has_ended_before() {
    promise("waits_for_this_one", "exit code 2\nexit code 1\nagain: true\n");
}

#[test]
fn try_wait_does_not_wait_for_the_living() {
    promise("does_not_wait_for_the_living", "None\nSome(Code(1))\nkilled by SIGKILL\n");
}

#[test]
fn a_death_by_any_signal_is_told_from_an_exit_code() {
    promise("tells_every_signal", "true\nkilled by SIGABRT\nexit code 255\n");
}

#[test]
fn a_signal_by_the_pidfd_of_a_reaped_child_hits_nobody() {
    promise("signals_nobody_after_the_end", "a zombie: None\nreaped: true\nopen: true\n");
}

#[test]
fn to_drop_a_process_neither_ends_nor_reaps_it() {
    promise("lets_go_without_harm", "alive: None\nnot reaped: killed by SIGTERM\n");
}

#[test]
fn a_pidfd_is_close_on_exec() {
    promise("is_close_on_exec", "FdFlag(FD_CLOEXEC)\n");
}

#[test]
fn fifty_children_leave_no_descriptor_behind() {
    promise("closes_what_it_opened", "true\n");
}

#[test]
fn a_child_without_a_pidfd_is_killed_and_reaped() {
    promise("leaves_no_child_behind", "true\nErr(ECHILD)\n");
}

#[test]
fn a_signal_does_not_end_the_wait() {
    promise("waits_on_through_signals", "exit code 0\n");
}

#[test]
fn two_listeners_share_a_port_if_both_have_asked_to() {
    let done = Command::new(env!("CARGO_BIN_EXE_after-contract"))
        .arg("listens_beside_its_like")
        .timeout(DEADLINE)
        .assert()
        .success();
    let told = String::from_utf8_lossy(&done.get_output().stdout).to_string();
    assert!(told.starts_with("same port: true\n") && !told.contains("false"), "{told}");
    assert!(told.ends_with("beside another: true\nanother beside it: true\n"), "{told}");
}

#[test]
fn a_listener_apart_is_nonblocking_and_close_on_exec() {
    promise(
        "listens_without_waiting",
        "FdFlag(FD_CLOEXEC)\nO_NONBLOCK true\nnobody: true\na client: true\n",
    );
}
