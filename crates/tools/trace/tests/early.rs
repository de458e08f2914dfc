//! Threads that change one descriptor table at the same time, where nobody chose who runs.

mod common;

use common::{P1, P2, P3, Recording, alike, open};
use trace::Argument::{Descriptor as Fd, Descriptors as Pair, Flags, Number as Num, Out, Path};
use trace::event::Outcome;
use trace::{Argument, check};

const USUAL: (i32, &str, u32, bool, u32) = (0, "/dev/null", 1, false, 0);
const PAIR: [Argument; 2] = [Out, Flags(0)];

fn contradictions(recording: &Recording) -> Vec<String> {
    check(&recording.0).iter().map(ToString::to_string).collect()
}

/// A pipe, 3 and 4, and two threads.
fn threads() -> Recording {
    Recording::new().descriptors(P1, &[USUAL]).pipe(P1, 3, 4, 0).thread(P1, P2)
}

fn is_given(recording: Recording, read: i32, write: i32) -> Recording {
    let pair = [Pair(vec![read, write]), Flags(0)];
    recording.leave(P1, "pipe2", &pair, Outcome::Value(0))
}

#[test]
fn a_number_that_is_replaced_before_its_call_has_returned_leads_elsewhere() {
    let replaces = |before: Recording| before.call(P2, "dup2", &[Fd(3), Fd(5)], 5);
    let recording = is_given(replaces(threads().enter(P1, "pipe2", &PAIR)), 5, 6);
    assert_eq!(contradictions(&recording), Vec::<String>::new());
    assert!(alike(&recording.model(), (P1, 3), (P1, 5)));
    let afterwards = is_given(replaces(threads()).enter(P1, "pipe2", &PAIR), 5, 6);
    assert_eq!(contradictions(&afterwards).len(), 1);
}

#[test]
fn a_number_that_is_closed_before_its_call_has_returned_was_open() {
    let recording = threads().enter(P1, "pipe2", &PAIR).close(P2, 5);
    let given = is_given(recording, 5, 6);
    assert_eq!(contradictions(&given), Vec::<String>::new());
    assert_eq!(open(&given.model(), P1), [3, 4, 6]);
    let other = is_given(threads().enter(P1, "pipe2", &PAIR).close(P2, 5), 6, 7);
    let told = contradictions(&other);
    assert!(matches!(&told[..], [one] if one.contains("descriptor 5 was not open")), "{told:?}");
    assert_eq!(contradictions(&threads().close(P2, 5)).len(), 1);
}

#[test]
fn a_number_that_was_swept_away_meanwhile_may_be_open_or_not() {
    let swept = threads().enter(P1, "pipe2", &PAIR).call(P2, "close_range", &[Num(5), Num(9)], 0);
    let path = [Fd(-100), Path("/".into()), Flags(0)];
    let again = is_given(swept, 5, 6).call(P2, "openat", &path, 6);
    assert_eq!(contradictions(&again), Vec::<String>::new());
    let twice = again.call(P2, "openat", &path, 6);
    assert_eq!(contradictions(&twice).len(), 1);
}

#[test]
fn a_copy_of_a_number_whose_call_has_not_returned_leads_to_the_same() {
    let copied = threads().enter(P1, "pipe2", &PAIR).call(P2, "dup", &[Fd(6)], 7);
    let given = is_given(copied, 5, 6);
    assert_eq!(contradictions(&given), Vec::<String>::new());
    assert!(alike(&given.model(), (P1, 6), (P2, 7)));
}

#[test]
fn a_child_has_what_a_thread_was_just_opening() {
    let pipe = |name| move |number, first, flags| (number, name, first, false, flags);
    let (old, new) = (pipe("pipe:[1]"), pipe("pipe:[2]"));
    let table = [USUAL, old(3, 2, 0), old(4, 3, 1), new(5, 4, 0), new(6, 5, 1)];
    let forked = threads().enter(P1, "pipe2", &PAIR).fork(P2, P3).descriptors(P3, &table);
    let given = is_given(forked, 5, 6).write(P3, 6, "x").read(P1, 5, "x");
    assert_eq!(contradictions(&given), Vec::<String>::new());
    let model = given.model();
    assert!(alike(&model, (P1, 5), (P3, 5)) && alike(&model, (P1, 6), (P3, 6)));
}
