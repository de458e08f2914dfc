//! Each program's story, as the chapter tells it.

use std::process::Command;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use predicates::prelude::*;
use story::{Started, lines_with, number_after, state, told_by};

#[test]
fn quit_cleanup_leaves_neither_its_worker_nor_its_file_behind() {
    for signal in ["SIGQUIT", "SIGTERM", "SIGINT"] {
        let story = told_by(env!("CARGO_BIN_EXE_quit_cleanup"), &[signal]);
        let log = format!("log: stopped by {signal}, worker ended, file removed");
        assert_eq!(lines_with(&story, &log).len(), 1, "{story}");
        assert_eq!(lines_with(&story, "worker alive: false, file left: false").len(), 1, "{story}");
        assert_eq!(state(worker_of(&story)), None, "the server has reaped it");
    }
}

#[test]
fn quit_cleanup_sends_sigquit_unless_told_otherwise() {
    let story = told_by(env!("CARGO_BIN_EXE_quit_cleanup"), &[]);
    assert_eq!(lines_with(&story, "stopped by SIGQUIT").len(), 1, "{story}");
}

#[test]
fn quit_cleanup_waits_for_your_signal_if_told_none() {
    let program = Started::new(env!("CARGO_BIN_EXE_quit_cleanup"), &["none"]);
    let server = program.line_with("I have a temporary file");
    kill(Pid::from_raw(number_after(&server, "[server ") as i32), Signal::SIGTERM).expect("kill");
    let (_, story, _) = program.finish();
    assert_eq!(lines_with(&story, "log: stopped by SIGTERM").len(), 1, "{story}");
}

#[test]
fn quit_cleanup_cleans_nothing_up_when_it_is_killed() {
    // `finish` wants the worker, who holds the output too, to be gone: the operator's end is its own.
    let (_, story, _) = Started::new(env!("CARGO_BIN_EXE_quit_cleanup"), &["SIGKILL"]).finish();
    assert_eq!(lines_with(&story, "log:").len(), 0, "{story}");
    assert_eq!(lines_with(&story, "worker alive: true, file left: true").len(), 1, "{story}");
    let operator = number_after(&story, "[operator ");
    assert!(!std::env::temp_dir().join(format!("quit_cleanup.{operator}")).exists());
}

fn worker_of(story: &str) -> Pid {
    Pid::from_raw(number_after(story, "and a worker, pid ") as i32)
}

#[test]
fn programs_refuse_what_they_do_not_know_and_say_what_they_do() {
    for program in [env!("CARGO_BIN_EXE_quit_cleanup"), env!("CARGO_BIN_EXE_fork_window")] {
        assert!(told_by(program, &["--help"]).starts_with("usage: "));
        for unknown in ["SIGSTOP", "soon"] {
            assert_cmd::Command::new(program)
                .arg(unknown)
                .assert()
                .failure()
                .stderr(predicate::str::contains("usage: "));
        }
    }
}

#[test]
fn disposition_table_finds_kill_and_stop_beyond_ignoring_catching_and_blocking() {
    let story = told_by(env!("CARGO_BIN_EXE_disposition_table"), &[]);
    let rows: Vec<Vec<_>> =
        story.lines().skip(1).map(|line| line.split_whitespace().skip(2).collect()).collect();
    let freely = |name, unasked: &[&'static str]| [&[name], unasked, &["yes"; 3]].concat();
    assert_eq!(
        rows,
        [
            freely("SIGHUP", &["ended"]),
            freely("SIGINT", &["ended"]),
            freely("SIGQUIT", &["ended"]),
            vec!["SIGKILL", "ended", "EINVAL", "EINVAL", "no"],
            freely("SIGUSR1", &["ended"]),
            freely("SIGPIPE", &["ended"]),
            freely("SIGTERM", &["ended"]),
            freely("SIGCHLD", &["no", "change"]),
            freely("SIGCONT", &["no", "change"]),
            vec!["SIGSTOP", "stopped", "EINVAL", "EINVAL", "no"],
            freely("SIGTSTP", &["stopped"]),
            freely("SIGWINCH", &["no", "change"]),
        ],
        "{story}"
    );
}

#[test]
fn coalesce_takes_five_deaths_for_one_and_leaves_four_zombies() {
    let story = told_by(env!("CARGO_BIN_EXE_coalesce"), &[]);
    assert_eq!(lines_with(&story, "one by one: the handler ran 5 times").len(), 1, "{story}");
    assert_eq!(lines_with(&story, "is it pending? true").len(), 1, "{story}");
    assert_eq!(lines_with(&story, "unblocked: the handler ran 1 time").len(), 1, "{story}");
    assert_eq!(lines_with(&story, "was still a zombie").len(), 4, "{story}");
}

#[test]
fn auto_reap_finds_a_zombie_by_default_and_nobody_where_sigchld_is_ignored() {
    let story = told_by(env!("CARGO_BIN_EXE_auto_reap"), &[]);
    assert_eq!(lines_with(&story, "its state: Z").len(), 1, "{story}");
    assert_eq!(lines_with(&story, "exit code 7").len(), 1, "{story}");
    assert_eq!(lines_with(&story, "its state: gone").len(), 1, "{story}");
    assert_eq!(lines_with(&story, "ECHILD").len(), 1, "{story}");
}

#[test]
fn unsafe_handler_deadlock_waits_for_itself_until_it_is_ended() {
    let story = told_by(env!("CARGO_BIN_EXE_unsafe_handler_deadlock"), &[]);
    let worker = number_after(&story, "[worker ");
    assert_eq!(lines_with(&story, "sleeps in futex(2)").len(), 1, "{story}");
    assert_eq!(number_after(&story, "] pid "), worker);
    assert_eq!(lines_with(&story, "done").len(), 0, "{story}");
    assert_eq!(lines_with(&story, "I ended it with SIGTERM").len(), 1, "{story}");
}

#[test]
fn println_in_handler_aborts_where_it_interrupts_another_println() {
    for backtrace in ["0", "1"] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_println_in_handler"));
        command.env("RUST_BACKTRACE", backtrace);
        let (status, story, errors) = Started::command(command).finish();
        assert!(status.success() && errors.is_empty(), "{errors}");
        let end = "SIGABRT ended it; a panic about \"already borrowed\": true";
        assert_eq!(lines_with(&story, end).len(), 1, "{story}");
    }
}

#[test]
fn errno_clobbered_gives_a_wrong_reason_unless_the_handler_puts_errno_back() {
    let story = told_by(env!("CARGO_BIN_EXE_errno_clobbered"), &[]);
    let reason = |handler| {
        let line = lines_with(&story, handler)[0];
        number_after(line, "(os error ") as i32
    };
    assert_eq!(reason("careless"), libc::EBADF);
    assert_eq!(reason("careful"), libc::ENOENT);
}

#[test]
fn eintr_matrix_finds_sa_restart_without_effect_on_select_poll_and_nanosleep() {
    // `finish` wants every child and grandchild, who hold the output too, to be gone.
    let (status, story, errors) = Started::new(env!("CARGO_BIN_EXE_eintr_matrix"), &[]).finish();
    assert!(status.success() && errors.is_empty(), "{errors}");
    let (eintr, on) = ("EINTR", "sleeps on");
    for (call, without, with) in [
        ("read", eintr, on),
        ("accept", eintr, on),
        ("waitpid", eintr, on),
        ("nanosleep", eintr, eintr),
        ("select", eintr, eintr),
        ("poll", eintr, eintr),
        ("std_read", eintr, on),
        ("std_accept", on, on),
        ("std_sleep", on, on),
    ] {
        let line = lines_with(&story, &format!("] {call} "))[0];
        let answers: Vec<_> = line.split("  ").map(str::trim).filter(|s| !s.is_empty()).collect();
        assert!(answers.ends_with(&[without, with]), "{call}: {line}");
    }
    assert_eq!(story.lines().count(), 10, "{story}");
}

#[test]
fn mask_across_fork_gives_the_waiting_signal_to_the_parent_alone() {
    let story = told_by(env!("CARGO_BIN_EXE_mask_across_fork"), &[]);
    let lines: Vec<_> =
        story.lines().map(|line| line.split_once("] ").unwrap_or_default().1).collect();
    assert_eq!(
        lines,
        [
            "SIGUSR1 blocked: true, pending: false",
            "unblocked; handler runs: 0",
            "SIGUSR1 blocked: true, pending: true",
            "unblocked; handler runs: 1",
        ]
    );
    assert_eq!(lines_with(&story, "[child ").len(), 2);
}

#[test]
fn fork_window_lets_the_masters_handler_swallow_the_workers_sigterm() {
    let story = told_by(env!("CARGO_BIN_EXE_fork_window"), &[]);
    assert_eq!(lines_with(&story, "Did my master's handler run in me? true").len(), 1, "{story}");
    assert_eq!(lines_with(&story, "it is gone, by SIGKILL").len(), 1, "{story}");
}

#[test]
fn fork_window_closes_when_sigterm_is_blocked_over_the_fork() {
    let story = told_by(env!("CARGO_BIN_EXE_fork_window"), &["blocked"]);
    assert_eq!(lines_with(&story, "I serve").len(), 0, "{story}");
    assert_eq!(lines_with(&story, "it is gone, by SIGTERM").len(), 1, "{story}");
}

#[test]
fn exec_dispositions_keeps_what_is_ignored_blocked_and_pending_and_drops_handlers() {
    let story = told_by(env!("CARGO_BIN_EXE_exec_dispositions"), &[]);
    let both = "default, blocked, pending";
    for (signal, mine, raw, by_std) in [
        (Signal::SIGUSR1, "caught", "default", "default"),
        (Signal::SIGUSR2, "ignored", "ignored", "ignored"),
        (Signal::SIGPIPE, "ignored", "ignored", "default"),
        (Signal::SIGTERM, both, both, "default, blocked"),
    ] {
        let line = lines_with(&story, signal.as_str())[0];
        let columns: Vec<_> = line.split("  ").map(str::trim).filter(|s| !s.is_empty()).collect();
        assert_eq!(columns[1..], [mine, raw, by_std], "{line}");
    }
}
