//! The library's contract. Each promise is kept by a process of its own, `contract/program.rs`.

use std::ffi::OsString;
use std::time::Duration;

use assert_cmd::Command;
use execve::promised;
use nix::unistd::Pid;

/// What `execve-contract` prints when it is asked to keep this promise.
#[track_caller]
fn promise(args: &[&str], printed: &str) {
    Command::new(env!("CARGO_BIN_EXE_execve-contract"))
        .args(args)
        .env_remove("UNICORN_FD")
        .timeout(Duration::from_secs(30))
        .assert()
        .success()
        .stdout(printed.to_string());
}

#[test]
fn a_launch_that_fails_tells_why_and_leaves_no_child() {
    promise(
        &["tells_why_it_failed"],
        "ENOENT; children: ECHILD\n\
         ENOENT; children: ECHILD\n\
         ENOENT; children: ECHILD\n\
         EACCES; children: ECHILD\n\
         ENOEXEC; children: ECHILD\n\
         ENOENT; children: ECHILD\n\
         ENOENT; children: ECHILD\n\
         InvalidInput; children: ECHILD\n\
         E2BIG; children: ECHILD\n",
    );
}

#[test]
fn the_first_program_in_the_path_that_can_be_executed_is_run() {
    promise(
        &["searches_the_path"],
        "first\n\
         EACCES; children: ECHILD\n\
         second\n",
    );
}

#[test]
fn arguments_environment_and_directory_are_exactly_those_given() {
    promise(
        &["gives_what_it_was_told"],
        "[\"somebody\", \"then_say_what_i_was_given\", \"one\", \"two words\", \"\"]\n\
         [(\"A\", \"1\"), (\"B\", \"2\")]\n\
         /\n\
         here: None, false\n",
    );
}

#[test]
fn of_all_descriptors_only_those_that_are_to_be_kept_survive() {
    promise(
        &["keeps_only_what_it_is_told_to"],
        "kept one: true\n\
         here it is close-on-exec still: true\n\
         the next one has none: true\n\
         nothing is left open here: true\n",
    );
}

#[test]
fn descriptors_can_change_places() {
    promise(&["lets_descriptors_change_places"], "bab\nbabababababababab\n");
}

#[test]
fn no_placing_closes_the_pipe_that_the_failure_is_told_by() {
    promise(
        &["reports_past_any_placing"],
        "ENOENT; children: ECHILD\n\
         exit code 0\n",
    );
}

#[test]
fn the_program_starts_with_no_signal_blocked_and_with_sigpipe_at_its_default() {
    promise(
        &["puts_signals_right"],
        "ignored here: [SIGUSR2, SIGPIPE]\n\
         blocked here: [SIGUSR1, SIGTERM]\n\
         caught here: [SIGHUP]\n\
         ignored there: [SIGUSR2]\n\
         blocked there: []\n\
         caught there: []\n",
    );
}

#[test]
fn a_signal_between_fork_and_exec_never_runs_our_handler_in_the_child() {
    promise(&["keeps_handlers_out_of_the_child"], "killed by SIGUSR1\n");
}

#[test]
fn launch_returns_while_the_program_runs() {
    promise(
        &["returns_before_the_program_ends"],
        "launched\n\
         exit code 0\n",
    );
}

#[test]
fn a_signal_to_a_programs_group_reaches_those_whom_it_runs() {
    promise(
        &["leads_a_group"],
        "told to: my own\n\
         not told to: somebody's\n\
         left of the group: \"\"; the leader: killed by SIGKILL\n",
    );
}

#[test]
fn a_program_that_dies_with_its_parent_does_so_even_where_that_one_is_dead_before() {
    promise(
        &["dies_with_its_parent"],
        "\"\"; the parent: killed by SIGKILL\n\
         \"\"; the parent: killed by SIGKILL\n",
    );
}

#[test]
fn a_successor_gets_the_listeners_and_nobody_else_does() {
    promise(
        &["hands_listeners_to_the_successor_alone"],
        "told here: None\n\
         nobody else has them: true\n\
         listener 0; told on: None; leaked on: false\n\
         listener 1; told on: None; leaked on: false\n\
         exit code 0\n",
    );
}

#[test]
fn a_successor_that_does_not_run_changes_nothing() {
    promise(
        &["outlives_a_successor_that_does_not_run"],
        "Err(NotFound)\n\
         close-on-exec still: true\n\
         serves on: true\n",
    );
}

#[test]
fn a_successor_begins_where_the_path_that_was_typed_leads_now() {
    promise(
        &["follows_the_path_that_was_typed"],
        "\"\": new\n\
         \"\": old\n",
    );
}

#[test]
fn listeners_from_systemd_are_taken_over_and_not_told_of_again() {
    promise(
        &["takes_what_systemd_left"],
        "the one that was bound: true\n\
         LISTEN_PID: None\n\
         LISTEN_FDS: None\n\
         LISTEN_FDNAMES: None\n",
    );
}

#[test]
fn a_descriptor_that_is_no_inherited_listener_is_refused_and_left_alone() {
    promise(
        &["takes_no_strangers"],
        "closed: inherited descriptor N: Bad file descriptor (os error 9)\n\
         variable: None\n\
         file: inherited descriptor N: Socket operation on non-socket\n\
         variable: None\n\
         client: inherited descriptor N: a socket that does not listen\n\
         variable: None\n\
         own: inherited descriptor N: opened by this program\n\
         variable: None\n\
         still ours: true\n",
    );
}

#[test]
fn at_a_terminal_tiny_shell_outlives_what_ends_its_jobs() {
    promise(
        &["terminal", env!("CARGO_BIN_EXE_tiny_shell")],
        "in the foreground: a job of three, and not the shell: true\n\
         ^C: status 130; left of the job: []\n\
         the terminal is the shell's again: true\n\
         an interrupt that comes too early for the prompt ends the wait there\n\
         ^C at the prompt: the line is forgotten, the shell is not\n\
         ^D in a program is its end of input\n\
         ignored in a program: [SIGTSTP]\n\
         blocked in a program: []\n\
         ^D at the prompt: exit code 7\n",
    );
}

#[test]
fn the_books_session_with_tiny_shell_is_what_a_terminal_shows() {
    let page = include_str!("../../../book/src/execve.md");
    let session = page.split("```text\n$ just chapter-6 tiny_shell\n").nth(1);
    let session = session.and_then(|rest| rest.split("```").next()).expect("it is on the page");
    Command::new(env!("CARGO_BIN_EXE_execve-contract"))
        .args(["transcript", env!("CARGO_BIN_EXE_tiny_shell")])
        .current_dir(env!("CARGO_TARGET_TMPDIR"))
        .write_stdin(session)
        .timeout(Duration::from_secs(30))
        .assert()
        .success()
        .stdout(session.trim_end().trim_end_matches("^D").to_string());
}

/// What [`promised`] makes of these variables, for process 4211.
fn numbers(variables: &[(&str, &str)]) -> Result<Vec<i32>, String> {
    let look_up = |name: &str| {
        variables.iter().find(|(known, _)| *known == name).map(|(_, value)| OsString::from(value))
    };
    promised(look_up, Pid::from_raw(4211)).map_err(|error| error.to_string())
}

#[test]
fn nothing_is_promised_where_nothing_is_said() {
    assert_eq!(numbers(&[]), Ok(vec![]));
    assert_eq!(numbers(&[("UNICORN_FD", "")]), Ok(vec![]));
    assert_eq!(numbers(&[("LISTEN_FDS", "3")]), Ok(vec![]), "to whom?");
}

#[test]
fn each_promised_number_counts_once() {
    assert_eq!(numbers(&[("UNICORN_FD", "7,3")]), Ok(vec![3, 7]));
    assert_eq!(numbers(&[("UNICORN_FD", "4,4")]), Ok(vec![4]));
    let both = [("UNICORN_FD", "4,9"), ("LISTEN_PID", "4211"), ("LISTEN_FDS", "2")];
    assert_eq!(numbers(&both), Ok(vec![3, 4, 9]));
}

#[test]
fn what_systemd_left_for_another_process_is_not_ours() {
    assert_eq!(numbers(&[("LISTEN_PID", "4210"), ("LISTEN_FDS", "2")]), Ok(vec![]));
    assert_eq!(numbers(&[("LISTEN_PID", "4211"), ("LISTEN_FDS", "2")]), Ok(vec![3, 4]));
}

#[test]
fn a_promise_that_makes_no_sense_is_refused_with_its_reason() {
    let refused = |variables: &[(&str, &str)]| numbers(variables).expect_err("it makes no sense");
    for list in ["3,", "three", "3 4", "-1", "2"] {
        let told = refused(&[("UNICORN_FD", list)]);
        assert!(told.starts_with("UNICORN_FD: "), "{told}");
    }
    assert_eq!(refused(&[("LISTEN_PID", "x")]), "LISTEN_PID: `x`: not a pid");
    let many = [("LISTEN_PID", "4211"), ("LISTEN_FDS", "4000000000")];
    assert_eq!(refused(&many), "LISTEN_FDS: `4000000000`: not a count");
    assert_eq!(refused(&[("LISTEN_PID", "4211")]), "LISTEN_FDS: ``: not a count");
}
