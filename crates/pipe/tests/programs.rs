//! Each program's story, as the chapter tells it.

use assert_cmd::Command;
use predicates::prelude::*;
use predicates::str::contains;
use story::{DEADLINE, lines_with, number_after, told_by};

/// A program that is to be refused its arguments.
#[track_caller]
fn refuses(program: &str, args: &[&str], why: &str) {
    let refused = Command::new(program).args(args).timeout(DEADLINE).assert();
    refused.failure().code(1).stderr(contains(why.to_string()));
}

/// Where a line stands in a story.
#[track_caller]
fn place(story: &str, text: &str) -> usize {
    let found = story.lines().position(|line| line.contains(text));
    found.unwrap_or_else(|| panic!("no line with `{text}` in: {story}"))
}

#[test]
fn pipe_hello_carries_a_message_from_child_to_parent() {
    let story = told_by(env!("CARGO_BIN_EXE_pipe_hello"), &[]);
    let (parent, child) = (number_after(&story, "[parent "), number_after(&story, "[child "));
    assert_ne!(parent, child);
    let received = format!("[parent {parent}] received from child: hello from your child!");
    assert_eq!(story.lines().last(), Some(received.as_str()));
    let (read, write) = (number_after(&story, "fd "), number_after(&story, "reads, fd "));
    assert!(story.contains(&format!("closed fd {read}, and writes into fd {write}")), "{story}");
}

#[test]
fn wait_first_is_stuck_with_one_byte_more_than_the_pipe_holds() {
    let story = told_by(env!("CARGO_BIN_EXE_wait_first"), &[]);
    let stuck = place(&story, "has not ended yet");
    assert!(stuck < place(&story, "then I read: 65537 bytes"), "{story}");
    assert_eq!(lines_with(&story, "now pid").len(), 1, "reading lets the child end: {story}");
}

#[test]
fn wait_first_gets_away_with_what_the_pipe_holds() {
    let story = told_by(env!("CARGO_BIN_EXE_wait_first"), &["65536"]);
    assert!(place(&story, "has ended") < place(&story, "then I read: 65536 bytes"), "{story}");
    assert!(!story.contains("has not ended yet"), "{story}");
}

#[test]
fn who_holds_it_finds_that_it_waited_for_itself() {
    let story = told_by(env!("CARGO_BIN_EXE_who_holds_it"), &[]);
    let me = number_after(&story, "[parent ");
    assert_eq!(lines_with(&story, "still waiting when the alarm rang").len(), 1, "{story}");
    let holders = lines_with(&story, "the write end is held by");
    assert_eq!(holders.len(), 1, "{story}");
    assert_eq!(number_after(holders[0], "held by pid "), me);
    assert!(story.ends_with("closed it, and read again: 0 bytes, which is the end\n"), "{story}");
}

#[test]
fn both_ways_hears_itself_by_a_pipe_and_the_child_by_a_socket_pair() {
    let story = told_by(env!("CARGO_BIN_EXE_both_ways"), &[]);
    assert_eq!(lines_with(&story, "wrote to the read end: EBADF").len(), 1, "{story}");
    assert_eq!(lines_with(&story, "one pipe: asked `ping`, heard `ping`").len(), 1, "{story}");
    assert_eq!(lines_with(&story, "socket pair: asked `ping`, heard `pong`").len(), 1, "{story}");
}

#[test]
fn shell_pipe_connects_two_programs() {
    let story = told_by(env!("CARGO_BIN_EXE_shell_pipe"), &[]);
    assert_eq!(story.lines().nth(2), Some("3"), "{story}");
    let [left, right] =
        ["tmp: pid ", "-l: pid "].map(|before| number_after(&story, before).to_string());
    assert!(story.ends_with(&format!("pid {left} ended with 0, pid {right} with 0\n")), "{story}");
}

#[test]
fn shell_pipe_gives_each_program_its_standard_streams_and_no_other_end() {
    // What `ls` has open besides what it was given: the folder itself.
    let given = told_by("/bin/sh", &["-c", "ls /proc/self/fd | wc -l"]);
    let args = ["ls", "/proc/self/fd", "|", "wc", "-l"];
    let story = told_by(env!("CARGO_BIN_EXE_shell_pipe"), &args);
    assert_eq!(story.lines().nth(2), Some(given.trim()), "{story}");
}

#[test]
fn shell_pipe_lets_a_writer_die_when_its_reader_has_enough() {
    let story = told_by(env!("CARGO_BIN_EXE_shell_pipe"), &["yes", "|", "head", "-n1"]);
    assert_eq!(lines_with(&story, "ended with 141").len(), 1, "{story}");
}

#[test]
fn shell_pipe_ends_with_the_right_commands_status() {
    for (right, status) in [("false", 1), ("true", 0), ("no-such-command", 127)] {
        let mut shell = Command::new(env!("CARGO_BIN_EXE_shell_pipe"));
        shell.args(["true", "|", right]).timeout(DEADLINE).assert().code(status);
    }
}

#[test]
fn shell_pipe_refuses_what_is_not_two_commands() {
    for args in [&["ls"][..], &["ls", "|"], &["|", "wc"], &["ls", "|", "wc", "|", "wc"]] {
        refuses(env!("CARGO_BIN_EXE_shell_pipe"), args, "usage: shell_pipe");
    }
}

#[test]
fn fill_it_finds_the_pipe_full_and_a_page_the_least_that_makes_room() {
    let story = told_by(env!("CARGO_BIN_EXE_fill_it"), &[]);
    let capacity = number_after(&story, "F_GETPIPE_SZ says: ");
    assert_eq!(number_after(&story, "wrote "), capacity, "{story}");
    assert_eq!(lines_with(&story, "then EAGAIN").len(), 1, "{story}");
    assert_eq!(lines_with(&story, "reads 1, I write 1: still no room").len(), 1, "{story}");
    assert_eq!(lines_with(&story, "reads 4095, I write 1: taken").len(), 1, "{story}");
    let read = place(&story, "I read one page");
    assert!(place(&story, "my write waits for room") < read, "{story}");
    assert!(read < place(&story, "] written"), "{story}");
}

#[test]
fn fill_it_finds_the_pipe_full_at_half_when_each_write_leaves_half_a_page() {
    let story = told_by(env!("CARGO_BIN_EXE_fill_it"), &["2049"]);
    let pages = number_after(&story, "F_GETPIPE_SZ says: ") / 4096;
    assert_eq!(number_after(&story, "wrote "), pages * 2049, "{story}");
}

#[test]
fn torn_lines_finds_one_line_inside_another() {
    let story = told_by(env!("CARGO_BIN_EXE_torn_lines"), &[]);
    let log: Vec<_> = story.lines().filter_map(|l| l.split_once("in the log: ")).collect();
    let log: Vec<_> = log.into_iter().map(|(_, line)| line).collect();
    assert_eq!(log, ["worker 1 says worker 2 says hello", "hello"], "{story}");
}

#[test]
fn torn_lines_are_whole_when_each_is_one_write() {
    let story = told_by(env!("CARGO_BIN_EXE_torn_lines"), &["--whole"]);
    assert!(lines_with(&story, "says").iter().all(|line| line.matches("says").count() == 1));
    assert_eq!(lines_with(&story, "says hello").len(), 2, "{story}");
    refuses(env!("CARGO_BIN_EXE_torn_lines"), &["--half"], "usage: torn_lines");
}

#[test]
fn torn_writes_tears_a_record_of_one_byte_more_than_pipe_buf() {
    let story = told_by(env!("CARGO_BIN_EXE_torn_writes"), &[]);
    let runs: Vec<_> = story.lines().skip(1).map(|line| &line[line.len() - 1..]).collect();
    assert_eq!(runs, ["A", "B", "A"], "{story}");
}

#[test]
fn torn_writes_cannot_tear_a_record_of_pipe_buf() {
    let story = told_by(env!("CARGO_BIN_EXE_torn_writes"), &["4096"]);
    assert_eq!(lines_with(&story, "] 4096 × A").len(), 1, "{story}");
    refuses(env!("CARGO_BIN_EXE_torn_writes"), &["999"], "usage: torn_writes");
}

#[test]
fn sigpipe_tour_ends_in_four_ways() {
    let mut tour = Command::new(env!("CARGO_BIN_EXE_sigpipe_tour"));
    let done = tour.timeout(DEADLINE).assert().success();
    let done = done.stderr(contains("panicked: failed printing to stdout: Broken pipe"));
    let story = String::from_utf8_lossy(&done.get_output().stdout).into_owned();
    let ends: Vec<_> = story.lines().filter_map(|line| line.rsplit(", ").next()).collect();
    let epipe = format!("exit code {}", libc::EPIPE);
    assert_eq!(
        ends,
        ["killed by SIGPIPE; a shell shows 141", &epipe, "exit code 101", "exit code 0"],
        "{story}"
    );
}

#[test]
fn cloexec_leak_is_seen_in_the_program_until_the_flag_is_set() {
    let story = told_by(env!("CARGO_BIN_EXE_cloexec_leak"), &[]);
    let both = regex_of_two_fds("of that pipe I hold: ");
    assert!(both.eval(lines_with(&story, "[program ")[0]), "{story}");
    assert!(lines_with(&story, "[program ")[1].ends_with("of that pipe I hold: nothing"));
    let ends = |by| lines_with(&story, by)[0].matches(" closes").count();
    assert_eq!(lines_with(&story, "nix's")[0].matches("stays open").count(), 2, "{story}");
    assert_eq!(["after fcntl", "std's", "this chapter's"].map(ends), [2, 2, 2], "{story}");
}

fn regex_of_two_fds(before: &str) -> impl Predicate<str> {
    predicates::str::is_match(format!("{before}fd [0-9]+, fd [0-9]+$")).expect("a regex")
}

#[test]
fn siblings_hold_on_hides_the_masters_death_until_a_sibling_leaves() {
    let story = told_by(env!("CARGO_BIN_EXE_siblings_hold_on"), &[]);
    let death = place(&story, "and I die");
    let gave_up = place(&story, "[worker 0, pid");
    assert!(story.lines().nth(gave_up).is_some_and(|line| line.ends_with("I give up")), "{story}");
    assert!(death < gave_up && gave_up < place(&story, "only now my pipe has ended"), "{story}");
}

#[test]
fn master_command_tells_one_worker_and_its_death_tells_the_others() {
    let story = told_by(env!("CARGO_BIN_EXE_master_command"), &[]);
    for (slot, news) in [(1, "QUIT: I leave"), (0, "my master is dead"), (2, "my master is dead")] {
        let worker = number_after(&story, &format!("worker {slot} is pid "));
        let says = lines_with(&story, &format!("[worker {slot}, pid {worker}]"));
        assert!(says.len() == 1 && says[0].contains(news), "{story}");
    }
    assert_eq!(lines_with(&story, "QUIT to worker 1: InThePipe").len(), 1, "{story}");
    let again = place(&story, "QUIT to worker 1 again: NobodyReads");
    assert!(place(&story, "QUIT: I leave") < again, "{story}");
    assert!(story.ends_with("and no worker is left\n"), "{story}");
}

#[test]
fn programs_that_take_arguments_have_a_help() {
    for program in [
        env!("CARGO_BIN_EXE_wait_first"),
        env!("CARGO_BIN_EXE_shell_pipe"),
        env!("CARGO_BIN_EXE_fill_it"),
        env!("CARGO_BIN_EXE_torn_lines"),
        env!("CARGO_BIN_EXE_torn_writes"),
    ] {
        assert!(told_by(program, &["--help"]).starts_with("usage: "), "{program}");
    }
    refuses(env!("CARGO_BIN_EXE_wait_first"), &["much"], "BYTES must be a whole number");
    refuses(env!("CARGO_BIN_EXE_fill_it"), &["0"], "usage: fill_it");
}
