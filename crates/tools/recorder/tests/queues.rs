//! Several who sleep at one descriptor, where the kernel wakes them all: who has what comes is the recorder's choice, and no
//! program can tell. And one who sleeps at several that an end closes.

mod common;

use common::{P2, recorded_with};
use trace::Task;
use trace::event::{Outcome, What};
use trace::same;

const POLICIES: [&str; 4] = ["run-to-block", "child-first", "parent-first", "random"];

fn is_interrupted(what: &What) -> bool {
    matches!(what, What::Leave { result: Outcome::Interrupted, .. })
}

#[test]
fn who_has_it_is_the_same_each_time() {
    for program in ["queue-at-counter", "queue-at-stream"] {
        for policy in POLICIES {
            let options = ["--check", "--policy", policy];
            let first = recorded_with(&options, &[program]);
            assert_eq!(first.code, Some(0), "{policy}: {}", first.stderr);
            assert_eq!(first.all(is_interrupted), [0; 0], "{policy}");
            for _ in 1..4 {
                let again = recorded_with(&options, &[program]);
                assert_eq!(same::difference(&again.events, &first.events), None, "{policy}");
            }
        }
    }
}

#[test]
fn a_signal_comes_to_who_waits_behind_another_one() {
    for policy in POLICIES {
        let recorded = recorded_with(&["--check", "--policy", policy], &["signals-in-queue"]);
        assert_eq!(recorded.code, Some(0), "{policy}: {}", recorded.stderr);
        let whose = recorded.all(is_interrupted).into_iter().map(|at| recorded.events[at].task);
        assert!(whose.clone().all(|task| task != P2 && task != Task(5)), "{policy}");
    }
}

/// Its descriptors are closed one by one, of which nobody sees the middle.
#[test]
fn who_polls_what_an_end_closes_sees_all_of_it_at_once() {
    for policy in POLICIES {
        for seed in ["0", "1", "2"] {
            let options = ["--check", "--policy", policy, "--seed", seed];
            let first = recorded_with(&options, &["polls-an-end"]);
            assert_eq!(first.stdout, "2\n".repeat(8), "{policy} {seed}: {}", first.stderr);
            let again = recorded_with(&options, &["polls-an-end"]);
            assert_eq!(same::difference(&again.events, &first.events), None, "{policy}");
        }
    }
}

/// How far the others come meanwhile is chance: all of them go first.
#[test]
fn who_has_slept_goes_on_when_nobody_else_can() {
    for policy in POLICIES {
        let options = ["--check", "--policy", policy];
        let first = recorded_with(&options, &["sleepers"]);
        let all = "worked\nworked\nslept 1\nslept 2\nslept 3\n";
        assert_eq!(first.stdout, all, "{policy}: {}", first.stderr);
        for _ in 1..4 {
            let again = recorded_with(&options, &["sleepers"]);
            assert_eq!(same::difference(&again.events, &first.events), None, "{policy}");
        }
        let once = recorded_with(&options, &["asks-once"]);
        assert_eq!(once.stdout, "worked\nslept\n", "{policy}: {}", once.stderr);
        let asks = recorded_with(&options, &["asks-for-a-sleeper"]);
        assert_eq!(asks.code, Some(0), "{policy}: {}", asks.stderr);
    }
}
