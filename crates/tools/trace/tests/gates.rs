//! Signals that wait outside, and where they come from: what the pictures show of it.

mod common;

use common::*;
use trace::event::{Disposition, Outcome, Status};
use trace::rows::{ArrowKind, Gate, Row, Rows};
use trace::svg::picture;
use trace::text::lanes;
use trace::{Argument, Task, What};

fn mask(recording: Recording, how: i64, signals: &[i32]) -> Recording {
    let set = Argument::Signals(signals.to_vec());
    recording.call(P1, "rt_sigprocmask", &[Num(how), set, Argument::Null], 0)
}

fn rows(recording: &Recording) -> Vec<Row> {
    Rows::of(&recording.0).rows
}

fn gates(recording: &Recording, task: Task) -> Vec<Option<Gate>> {
    rows(recording).iter().map(|row| row.gates.get(&task).copied()).collect()
}

/// P1 blocks SIGUSR1, sends it to itself, and lets it come.
fn blocked() -> Recording {
    let kill = [Argument::Task(P1), Argument::Signal(10)];
    let sent =
        mask(Recording::new().sets_handler(P1, 10, &[]), 0, &[10]).call(P1, "kill", &kill, 0);
    mask(sent.signalled(P1, 10, Some(P1)), 1, &[10]).handled(P1, 10).add(P1, What::HandlerReturns)
}

#[test]
fn a_gate_stands_from_the_block_to_the_unblock_and_shows_that_a_signal_waits() {
    use Gate::{Blocks, Waits};
    let expected = [
        None,         // begins
        None,         // sets its handler
        Some(Blocks), // blocks
        Some(Blocks), // kill
        Some(Waits),  // it waits outside
        Some(Waits),  // unblocks, and it has not come through yet
        None,         // its handler runs: that it is blocked there goes without saying
        None,         // and returns
    ];
    assert_eq!(gates(&blocked(), P1), expected);
}

#[test]
fn all_pictures_show_a_gate() {
    let (drawn, picture) = (lanes(&blocked().0, 80), picture(&blocked().0));
    assert!(drawn.contains(" 3 ┃¦rt_sigprocmask("), "{drawn}");
    assert!(drawn.contains(" 5 ┃!SIGUSR1 waits outside"), "{drawn}");
    assert!(drawn.contains("¦ blocks signals"), "{drawn}");
    assert!(picture.contains("<path class=\"blocks\" d=\""), "{picture}");
    assert!(picture.contains("<path class=\"waits\" d=\""), "{picture}");
    assert!(picture.contains(">a signal has come, and waits outside</text>"), "{picture}");
    let without = lanes(&Recording::with_pipe(0).0, 80);
    assert!(!without.contains("blocks signals"), "{without}");
}

#[test]
fn a_call_with_a_mask_of_its_own_opens_the_gate_while_it_lasts() {
    let blocks = mask(Recording::new(), 0, &[17]);
    let suspended = blocks.enter(P1, "rt_sigsuspend", &[Argument::Signals(vec![])]).sleeps(P1);
    assert_eq!(gates(&suspended, P1), [None, Some(Gate::Blocks), None]);
}

#[test]
fn what_is_ignored_does_not_wait() {
    let told = Recording::new()
        .fork(P1, P2)
        .exit(P2, 0)
        .signalled(P1, 17, None)
        .add(P1, What::Delivered { signal: 17, disposition: Disposition::Ignore });
    assert!(gates(&told, P1).iter().all(Option::is_none));
}

#[test]
fn a_signal_to_itself_has_an_arrow() {
    let rows = rows(&blocked());
    let itself = |row: &&Row| {
        row.arrows.iter().any(|arrow| arrow.to == P1 && arrow.kind == ArrowKind::Signal)
    };
    let sent: Vec<&str> = rows.iter().filter(itself).map(|row| row.label.as_str()).collect();
    assert_eq!(sent, ["kill(P1, SIGUSR1)"]);
    assert!(picture(&blocked().0).contains("class=\"signal own\""));
    for width in [40, 60, 80] {
        let drawn = lanes(&blocked().0, width);
        assert!(drawn.contains("kill(P1, SIGUSR1) ┄┄▶ itself\n"), "{drawn}");
    }
}

#[test]
fn an_arrow_to_itself_stays_in_its_column() {
    let kill = [Argument::Task(P1), Argument::Signal(34)];
    let sends = Recording::new().fork(P1, P2).call(P1, "kill", &kill, 0);
    let drawn = lanes(&sends.signalled(P1, 34, Some(P1)).0, 78);
    let line = drawn.lines().find(|line| line.contains("itself")).expect("it is drawn");
    assert_eq!(line.chars().filter(|char| *char == '┃').count(), 2, "P2's line is whole: {drawn}");
    assert!(drawn.lines().all(|line| line.chars().count() <= 78), "{drawn}");
}

#[test]
fn an_alarm_and_a_signal_from_outside_come_from_somewhere() {
    let comes = |signal, by| {
        let comes = Recording::new().sets_handler(P1, signal, &[]).signalled(P1, signal, by);
        let rows = rows(&comes.handled(P1, signal));
        let row = rows.last().expect("a row").clone();
        assert_eq!(row.arrows.iter().filter(|arrow| arrow.kind == ArrowKind::Comes).count(), 1);
        assert!(row.sentence.ends_with(row.note.as_deref().expect("a note")), "{}", row.sentence);
        row.note.expect("a note")
    };
    assert_eq!(comes(14, None), "the signal comes from its own alarm");
    assert_eq!(comes(2, None), "the signal comes from the kernel");
    assert_eq!(
        comes(15, Some(Task::OUTSIDE)),
        "the signal comes from somebody outside of the recording"
    );
}

#[test]
fn a_broken_pipe_s_signal_is_told_where_the_write_fails() {
    let failed = Recording::with_pipe(0)
        .close(P1, 3)
        .fails(P1, "write", &[Fd(4), said("x"), Num(1)], "EPIPE")
        .signalled(P1, 13, Some(P1));
    let rows = rows(&failed);
    let note = rows.last().and_then(|row| row.note.as_deref());
    assert_eq!(note, Some("nobody is left who could read; SIGPIPE comes of it"));
}

#[test]
fn who_is_outside_is_said_where_a_program_names_it() {
    let kill = [Argument::Task(Task::OUTSIDE), Argument::Signal(10)];
    let rows = rows(&Recording::new().call(P1, "kill", &kill, 0).write(P1, 1, "I am in P01\n"));
    let note = rows[1].note.as_deref();
    assert_eq!(note, Some("P0 is somebody outside of the recording"));
    assert!(!rows[2].sentence.contains("outside"), "P01 is another word");
}

#[test]
fn who_waits_by_a_pidfd_waits_for_its_process() {
    let wait = [Num(3), Fd(3), Argument::Opaque, Flags(4), Argument::Opaque];
    let waits = Recording::new()
        .fork(P1, P2)
        .call(P1, "pidfd_open", &[Argument::Task(P2), Flags(0)], 3)
        .enter(P1, "waitid", &wait)
        .sleeps(P1);
    let told = rows(&waits);
    assert_eq!(told.last().and_then(|row| row.note.as_deref()), Some("waits for P2 to end"));
    let ended = waits.exit(P2, 0).add(P2, What::Reaped { by: Some(P1) });
    let told = rows(&ended.leave(P1, "waitid", &wait, Outcome::Value(0)));
    assert_eq!(told.last().map(|row| row.sentence.as_str()), Some("P1 is told that P2 has ended"));
}

#[test]
fn a_signal_by_a_pidfd_says_to_whom() {
    let opens =
        Recording::new().fork(P1, P2).call(P1, "pidfd_open", &[Argument::Task(P2), Flags(0)], 3);
    let sends = [Fd(3), Argument::Signal(15), Argument::Null, Flags(0)];
    let told = rows(&opens.call(P1, "pidfd_send_signal", &sends, 0));
    assert_eq!(told.last().and_then(|row| row.note.as_deref()), Some("sends SIGTERM to P2"));
}

#[test]
fn who_is_killed_since_all_sleep_for_good_is_killed_by_the_recorder() {
    let stuck = Recording::with_pipe(0)
        .reads(P1, 3)
        .add(P1, What::Stuck)
        .add(P1, What::Ended { status: Status::Signal(9) });
    assert!(picture(&stuck.0).contains("the signal comes from the recorder"));
    let killed = Recording::with_pipe(0).add(P1, What::Ended { status: Status::Signal(9) });
    assert!(!picture(&killed.0).contains("recorder"));
}
