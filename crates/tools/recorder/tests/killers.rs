//! Who has killed whom: SIGKILL waits nowhere, and no call but that which sends it tells of it.

mod common;

use common::{P1, P2, P3, Recorded, recorded_with};
use trace::Task;
use trace::event::{Status, What};
use trace::rows::{Arrow, ArrowKind, Rows};

const POLICIES: [&str; 4] = ["run-to-block", "child-first", "random", "free"];

fn killed_by(by: Task) -> What {
    What::Signalled { signal: libc::SIGKILL, by: Some(by) }
}

/// Whom a call sends a signal to, by the row with this label.
#[track_caller]
fn reaches(recorded: &Recorded, label: &str) -> Vec<Task> {
    let rows = Rows::of(&recorded.events).rows;
    let row = rows.iter().find(|row| row.label == label);
    let row = row.unwrap_or_else(|| panic!("no row is {label}: {}", recorded.text));
    let signals = row.arrows.iter().filter(|arrow| arrow.kind == ArrowKind::Signal);
    signals.map(|Arrow { to, .. }| *to).collect()
}

#[test]
fn each_of_a_group_has_its_signal_from_who_kills_the_group() {
    for policy in POLICIES {
        let recorded = recorded_with(&["--check", "--policy", policy], &["kill-group"]);
        assert_eq!(recorded.code, Some(0), "{policy}: {}", recorded.stderr);
        for task in [P2, P3] {
            let ended = What::Ended { status: Status::Signal(libc::SIGKILL) };
            assert!(recorded.exactly(task, killed_by(P1)) < recorded.exactly(task, ended));
        }
        assert_eq!(reaches(&recorded, "kill(P2's group, SIGKILL)"), [P2, P3], "{policy}");
    }
}

#[test]
fn who_kills_its_own_group_is_seen_to_do_so() {
    for policy in POLICIES {
        for (program, label) in [
            ("kill-own-group", "kill(0, SIGKILL)"),
            ("kill-own-group-by-id", "kill(P1's group, SIGKILL)"),
        ] {
            let recorded = recorded_with(&["--policy", policy], &[program]);
            assert_eq!(recorded.code, Some(128 + libc::SIGKILL), "{policy}");
            assert_eq!(reaches(&recorded, label), [P1, P2], "{policy}");
        }
    }
}

#[test]
fn whom_a_signal_names_is_reached_by_it_even_if_it_is_gone_before_the_call_returns() {
    for policy in POLICIES {
        let recorded = recorded_with(&["--check", "--policy", policy], &["kill-stopped"]);
        assert_eq!(recorded.code, Some(0), "{policy}: {}", recorded.stderr);
        assert_eq!(reaches(&recorded, "kill(P2, SIGKILL)"), [P2], "{policy}");
    }
}
