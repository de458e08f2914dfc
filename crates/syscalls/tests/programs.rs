//! Each program's story, as the chapter tells it.

use assert_cmd::Command;
use predicates::prelude::*;
use story::{lines_with, number_after, told_by};

/// Each line without the `[process 4211] ` in front of it.
fn said(story: &str) -> Vec<&str> {
    story.lines().filter_map(|line| line.split_once("] ")).map(|(_, said)| said).collect()
}

#[test]
fn raw_write_says_it_four_ways_and_is_refused_by_number() {
    let story = told_by(env!("CARGO_BIN_EXE_raw_write"), &[]);
    assert_eq!(
        said(&story),
        [
            "println! asks for me",
            "nix asks for me",
            "C's library asks for me",
            "I ask the kernel myself",
            "it took every byte: true",
            &format!("where there is nothing to write to, it answers {}", -libc::EBADF),
        ]
    );
}

#[test]
fn five_requests_are_granted() {
    let story = told_by(env!("CARGO_BIN_EXE_five_requests"), &[]);
    let kinds: Vec<_> = said(&story).iter().map(|said| said.split(':').next()).collect();
    let wanted = ["reading", "writing", "memory", "networking", "devices", "and without a call"];
    assert_eq!(kinds, wanted.map(Some));
    assert!(story.contains("the kernel's name is Linux"), "{story}");
    assert!(story.contains("its first byte is 0"), "{story}");
    assert!(story.contains("randomness in store: true"), "{story}");
}

#[test]
fn errno_tour_names_a_reason_for_each_refusal() {
    let story = told_by(env!("CARGO_BIN_EXE_errno_tour"), &[]);
    let mut said = said(&story).into_iter();
    for (errno, number) in [
        ("ENOENT", libc::ENOENT),
        ("ENOTDIR", libc::ENOTDIR),
        ("EISDIR", libc::EISDIR),
        ("EACCES", libc::EACCES),
        ("EBADF", libc::EBADF),
        ("EFAULT", libc::EFAULT),
        ("EMFILE", libc::EMFILE),
    ] {
        let line = said.next().unwrap_or_default();
        assert!(line.contains(&format!(": {errno}: ")), "{errno}: {line}");
        assert!(line.ends_with(&format!("(os error {number})")), "{line}");
    }
}

#[test]
fn errno_tour_finds_that_success_leaves_errno_and_that_each_thread_has_its_own() {
    let story = told_by(env!("CARGO_BIN_EXE_errno_tour"), &[]);
    assert_eq!(lines_with(&story, "getppid works; errno still says ENOENT").len(), 1, "{story}");
    assert_eq!(lines_with(&story, "in another thread, errno says EBADF").len(), 1, "{story}");
    assert_eq!(lines_with(&story, "and in this one, ENOENT").len(), 1, "{story}");
}

#[test]
fn errno_late_gives_the_reason_of_another_call() {
    let story = told_by(env!("CARGO_BIN_EXE_errno_late"), &[]);
    assert!(said(&story)[0].starts_with("cannot open /no/such/file: "), "{story}");
    assert!(story.contains(&format!("(os error {})", libc::ENOTTY)), "{story}");
}

#[test]
fn short_write_loses_a_third_of_the_letter_without_an_error() {
    let story = told_by(env!("CARGO_BIN_EXE_short_write"), &[]);
    assert_eq!(number_after(&story, "a letter of "), 1500);
    assert_eq!(lines_with(&story, "done, and no error").len(), 1, "{story}");
    assert_eq!(number_after(&story, "the file has "), 1000);
}

#[test]
fn interrupted_is_told_by_read_and_not_by_those_who_ask_again() {
    let story = told_by(env!("CARGO_BIN_EXE_interrupted"), &[]);
    let once = lines_with(&story, "std's read asks once: Err");
    assert!(once.len() == 1 && once[0].contains(&format!("(os error {})", libc::EINTR)), "{story}");
    assert_eq!(lines_with(&story, "std's read_exact asks 3 times: Ok(())").len(), 1, "{story}");
    assert_eq!(lines_with(&story, "our retry_on_eintr asks 3 times: Ok(1)").len(), 1, "{story}");
}

#[test]
fn fd_table_gives_the_lowest_free_number() {
    let story = told_by(env!("CARGO_BIN_EXE_fd_table"), &[]);
    assert_eq!(lines_with(&story, "I came with [0, 1, 2]").len(), 1, "{story}");
    let number = |line: &str| number_after(line, "fd ");
    let [null, version] = ["→ /dev/null,", "→ /proc/version,"].map(|path| lines_with(&story, path));
    let [root, zero] = ["→ /,", "→ /dev/zero,"].map(|path| lines_with(&story, path));
    assert_eq!([null.len(), root.len(), zero.len(), version.len()], [3, 1, 3, 1], "{story}");
    assert!(number(null[0]) < number(root[0]) && number(root[0]) < number(zero[0]), "{story}");
    assert_eq!(number(version[0]), number(root[0]), "{story}");
    for line in lines_with(&story, "→") {
        assert!(line.ends_with(", close-on-exec"), "{line}");
    }
}

#[test]
fn shared_offset_is_shared_by_a_duplicate_and_by_nobody_else() {
    let story = told_by(env!("CARGO_BIN_EXE_shared_offset"), &[]);
    let read: Vec<_> =
        lines_with(&story, "read by").iter().map(|line| &line[line.len() - 3..]).collect();
    assert_eq!(read, ["abc", "def", "abc", "ghi"], "{story}");
    let looked: Vec<_> = lines_with(&story, "offset ")
        .iter()
        .map(|line| (number_after(line, "offset "), line.ends_with("append true")))
        .collect();
    let (no, yes) = (false, true);
    let at_first = [(0, no), (0, no), (0, no)];
    let after_reading = [(3, no), (3, no), (0, no)];
    let with_the_flag = [(6, yes), (6, yes), (3, no)];
    assert_eq!(looked, [at_first, after_reading, with_the_flag].concat(), "{story}");
}

#[test]
fn redirect_sends_one_line_to_the_file_and_the_next_to_you() {
    let story = told_by(env!("CARGO_BIN_EXE_redirect"), &[]);
    assert_eq!(
        said(&story),
        [
            "number 1 leads to you",
            "number 1 leads to you again",
            "the file got: number 1 leads to the file",
        ]
    );
}

#[test]
fn double_close_sends_the_secret_to_the_customer() {
    let story = told_by(env!("CARGO_BIN_EXE_double_close"), &[]);
    let log = number_after(&story, "the log is fd ");
    assert_eq!(number_after(&story, "the file for secrets is fd "), log);
    assert_eq!(lines_with(&story, "once more, to be sure: Ok(())").len(), 1, "{story}");
    assert_eq!(number_after(&story, "a customer connects, by fd "), log);
    assert!(story.contains("the file has: \"\""), "{story}");
    assert!(story.contains("the customer received: \"the secret\""), "{story}");
}

#[test]
fn what_std_hides_is_close_on_exec_sigpipe_and_a_missing_standard_input() {
    let story = told_by(env!("CARGO_BIN_EXE_what_std_hides"), &[]);
    assert_eq!(lines_with(&story, "opened by std: close-on-exec is true").len(), 1, "{story}");
    assert_eq!(lines_with(&story, "opened by C: close-on-exec is false").len(), 1, "{story}");
    let epipe = lines_with(&story, "wrote where nobody reads, and live");
    assert!(epipe.len() == 1 && epipe[0].contains(&libc::EPIPE.to_string()), "{story}");
    assert_eq!(lines_with(&story, "without a descriptor 0, I have /dev/null").len(), 1, "{story}");
}

#[test]
fn what_std_hides_refuses_an_argument_that_it_does_not_know() {
    Command::new(env!("CARGO_BIN_EXE_what_std_hides"))
        .arg("standard-output")
        .assert()
        .failure()
        .stderr(predicate::str::contains("not `standard-output`"));
}
