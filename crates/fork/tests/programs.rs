//! Each program's story, as the chapter tells it.

use assert_cmd::Command;
use predicates::prelude::*;
use story::{lines_with, number_after, told_by};

#[test]
fn fork_twice_returns_zero_to_the_child_and_the_childs_pid_to_the_parent() {
    let story = told_by(env!("CARGO_BIN_EXE_fork_twice"), &[]);
    assert_eq!(lines_with(&story, "about to fork").len(), 1, "a `println!` is not doubled");
    let parent = number_after(&story, "[parent ");
    let child = number_after(&story, "[child ");
    assert_ne!(parent, child);
    assert_eq!(lines_with(&story, "fork returned 0").len(), 1);
    let to_parent = lines_with(&story, &format!("[parent {parent}] fork returned {child}"));
    assert_eq!(to_parent.len(), 1, "{story}");
    assert_eq!(number_after(&story, "my parent is pid "), parent);
    let in_both = lines_with(&story, "runs in both");
    assert_eq!(in_both.len(), 2, "{story}");
    assert!(in_both[0].contains(&child.to_string()) && in_both[1].contains(&parent.to_string()));
}

#[test]
fn fork_twice_refuses_a_time_that_is_no_number() {
    Command::new(env!("CARGO_BIN_EXE_fork_twice"))
        .arg("soon")
        .assert()
        .failure()
        .stderr(predicate::str::contains("SECONDS must be a whole number, not `soon`"));
}

#[test]
fn fall_through_makes_seven_children_where_three_were_wanted() {
    let story = told_by(env!("CARGO_BIN_EXE_fall_through"), &[]);
    assert_eq!(lines_with(&story, "made in round 1").len(), 1);
    assert_eq!(lines_with(&story, "made in round 2").len(), 2);
    assert_eq!(lines_with(&story, "made in round 3").len(), 4);
}

#[test]
fn spawn_workers_gives_a_dead_workers_number_to_its_replacement() {
    let story = told_by(env!("CARGO_BIN_EXE_spawn_workers"), &[]);
    assert_eq!(lines_with(&story, "workers [0, 1, 2] are missing").len(), 1);
    assert_eq!(lines_with(&story, "workers [1] are missing").len(), 1);
    let first = number_after(lines_with(&story, "worker 1 is pid")[0], "is pid ");
    let reaped = lines_with(&story, "reaped pid");
    assert_eq!(reaped.len(), 1, "{story}");
    assert_eq!(number_after(reaped[0], "reaped pid "), first);
    assert!(reaped[0].ends_with("exit code 1"));
    let ready = lines_with(&story, "[worker 1, pid").into_iter().filter(|l| l.ends_with("ready"));
    let holders: Vec<_> = ready.map(|line| number_after(line, "pid ")).collect();
    assert_eq!(holders.len(), 2, "{story}");
    assert!(holders[0] == first && holders[1] != first, "{story}");
    assert_eq!(lines_with(&story, "ended: exit code 0").len(), 3, "{story}");
}

#[test]
fn cow_meter_finds_that_reading_copies_nothing_and_writing_copies_what_is_written() {
    let story = told_by(env!("CARGO_BIN_EXE_cow_meter"), &[]);
    let measured: Vec<_> = lines_with(&story, "my own")
        .iter()
        .map(|line| (number_after(line, ": "), number_after(line, "my own, ")))
        .collect();
    assert_eq!(measured, [(0, 64), (0, 64), (32, 32)], "(own, shared) in MiB: {story}");
    assert!(story.contains("my first byte is still 1; the child's end: exit code 0"), "{story}");
}

#[test]
fn shared_offset_fork_moves_the_parents_offset_by_the_childs_write() {
    let story = told_by(env!("CARGO_BIN_EXE_shared_offset_fork"), &[]);
    assert_eq!(number_after(&story, "the first one's offset is "), 6);
    assert_eq!(number_after(&story, "the second one's offset is "), 0);
}

#[test]
fn buffered_dup_says_its_sentence_twice() {
    let story = told_by(env!("CARGO_BIN_EXE_buffered_dup"), &[]);
    assert_eq!(story.matches("Said once").count(), 2, "{story}");
    assert_eq!(lines_with(&story, "the child, went on.").len(), 1);
    assert_eq!(lines_with(&story, "the parent, went on.").len(), 1);
}

#[test]
fn fork_prng_gives_three_workers_one_token() {
    for args in [&["42"][..], &[]] {
        let story = told_by(env!("CARGO_BIN_EXE_fork_prng"), args);
        let mut tokens: Vec<_> = story.lines().filter_map(|l| l.split("token ").nth(1)).collect();
        assert_eq!(tokens.len(), 3, "{story}");
        tokens.dedup();
        assert_eq!(tokens.len(), 1, "{story}");
    }
}

#[test]
fn fork_prng_draws_other_tokens_in_another_run() {
    let [one, other] = [(), ()].map(|()| told_by(env!("CARGO_BIN_EXE_fork_prng"), &[]));
    assert_ne!(one.split("token ").nth(1), other.split("token ").nth(1));
}

#[test]
fn zombie_zoo_shows_zombies_that_only_reaping_ends() {
    let story = told_by(env!("CARGO_BIN_EXE_zombie_zoo"), &[]);
    assert_eq!(lines_with(&story, "has ended; its state: Z").len(), 3, "{story}");
    assert_eq!(lines_with(&story, "sent; its state: Z").len(), 1, "a zombie can't be killed");
    let reaped = lines_with(&story, "its state: gone");
    assert_eq!(reaped.len(), 3, "{story}");
    for (line, exit) in reaped.iter().zip(["exit code 0", "exit code 3", "killed by SIGKILL"]) {
        assert!(line.contains(exit), "{line}");
    }
}

#[test]
fn orphan_finds_another_parent_and_then_its_grandparent() {
    let story = told_by(env!("CARGO_BIN_EXE_orphan"), &[]);
    let grandparent = number_after(&story, "[grandparent ");
    let orphans = lines_with(&story, "made by pid");
    assert_eq!(orphans.len(), 2, "{story}");
    let adopter = |line| number_after(line, "my parent is pid ");
    assert_ne!(adopter(orphans[0]), number_after(orphans[0], "made by pid "));
    assert_ne!(adopter(orphans[0]), grandparent);
    assert_eq!(adopter(orphans[1]), grandparent);
    let waited = number_after(&story, "wait for my grandchild: pid ");
    assert_eq!(waited, number_after(orphans[1], "[child "));
}
