//! What the chapters' tests rely on.

use std::panic::{AssertUnwindSafe, catch_unwind};

use nix::sys::signal::Signal;
use nix::unistd::Pid;
use story::{Started, children, killed_by, lines_with, number_after, state, told_by, wait_until};

#[test]
fn a_program_that_writes_to_standard_error_has_not_told_its_story() {
    assert_eq!(told_by("/bin/sh", &["-c", "echo fine"]), "fine\n");
    let complaint = catch_unwind(|| told_by("/bin/sh", &["-c", "echo fine; echo oh >&2"]));
    assert!(complaint.is_err());
}

#[test]
fn numbers_and_lines_are_found() {
    let story = "[parent 12] sent -3\n[child 13] got it\n";
    assert_eq!(number_after(story, "[child "), 13);
    assert_eq!(number_after(story, "sent "), -3);
    assert_eq!(lines_with(story, "child"), ["[child 13] got it"]);
}

#[test]
fn a_started_program_hears_and_is_heard() {
    let mut cat = Started::new("/bin/cat", &[]);
    cat.tell("ping\n");
    assert_eq!(cat.line_with("ping"), "ping");
    let (status, stdout, stderr) = cat.finish();
    assert!(status.success());
    assert_eq!((stdout.as_str(), stderr.as_str()), ("ping\n", ""));
}

#[test]
fn a_missing_line_fails_when_the_output_ends() {
    let quiet = Started::new("/bin/sh", &["-c", "echo one"]);
    let complaint = catch_unwind(AssertUnwindSafe(|| quiet.line_with("two")));
    assert!(complaint.is_err());
}

#[test]
fn a_dropped_program_is_gone_with_its_children() {
    let shell = Started::new("/bin/sh", &["-c", "sleep 60 & echo $!; wait"]);
    let child = Pid::from_raw(number_after(&shell.line_with(""), "") as i32);
    assert_eq!(children(shell.pid()), [child]);
    let shell_pid = shell.pid();
    drop(shell);
    assert_eq!(state(shell_pid), None);
    // Its child is an orphan by now, and init reaps it in its own time.
    wait_until("the child is dead", || matches!(state(child), None | Some('Z')).then_some(()));
}

#[test]
fn the_signal_that_ended_a_program_is_told() {
    let sleeper = Started::new("/bin/sleep", &["60"]);
    sleeper.signal(Signal::SIGTERM);
    assert_eq!(killed_by(sleeper.finish().0), Some(Signal::SIGTERM));
}
