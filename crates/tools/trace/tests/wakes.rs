//! Who wakes whom: what a row says, and where its arrow goes.

mod common;

use common::*;
use trace::event::{Outcome, Status};
use trace::rows::{ArrowKind, Row, Rows};
use trace::{Argument, Task, What};

/// The rows that wake somebody: their labels, and whom they wake.
fn wakes(recording: &Recording) -> Vec<(String, Vec<Task>)> {
    let wakes = |row: &Row| {
        let arrows = row.arrows.iter().filter(|arrow| arrow.kind == ArrowKind::Wakes);
        (row.label.clone(), arrows.map(|arrow| arrow.to).collect::<Vec<_>>())
    };
    let rows = Rows::of(&recording.0).rows;
    rows.iter().map(wakes).filter(|(_, woken)| !woken.is_empty()).collect()
}

fn row(recording: &Recording, label: &str) -> Row {
    let mut rows = Rows::of(&recording.0).rows.into_iter();
    rows.find(|row| row.label == label).unwrap_or_else(|| panic!("no row is {label}"))
}

/// A parent that sleeps in a `select` on a pipe, of which its child has the write end too.
fn selects() -> Recording {
    let set = [Num(4), Argument::Set(vec![3]), Argument::Null, Argument::Null, Argument::Null];
    let forked = Recording::with_pipe(0).fork(P1, P2).close(P1, 4);
    forked.enter(P1, "select", &set).sleeps(P1)
}

#[test]
fn a_byte_wakes_who_selects_on_its_pipe_and_the_row_says_so() {
    let woken = selects().write(P2, 4, "!").add(P1, What::Held).add(P1, What::Runs);
    assert_eq!(wakes(&woken), [("write(4, \"!\") = 1".into(), vec![P1])]);
    let row = row(&woken, "write(4, \"!\") = 1");
    assert_eq!(row.note.as_deref(), Some("1 byte into pipe 1; wakes P1"));
    assert!(row.sentence.ends_with("; that wakes P1"), "{}", row.sentence);
}

#[test]
fn who_closes_the_last_write_end_wakes_the_reader_and_who_closes_another_one_does_not() {
    let reader = Recording::with_pipe(0).fork(P1, P2).reads(P2, 3).close(P1, 4);
    assert_eq!(wakes(&reader), [], "P2 has one itself");
    let reader = Recording::with_pipe(0).fork(P1, P2).close(P2, 4).reads(P2, 3).close(P1, 4);
    assert_eq!(wakes(&reader.got(P2, 3, "")), [("close(4)".into(), vec![P2])]);
}

#[test]
fn an_end_wakes_who_waits_for_bytes_of_the_one_that_has_ended() {
    let ends = selects().add(P2, What::Ended { status: Status::Signal(9) }).add(P1, What::Held);
    assert_eq!(wakes(&ends), [("killed by SIGKILL".into(), vec![P1])]);
}

#[test]
fn of_two_readers_only_the_one_that_goes_on_was_woken() {
    let two = Recording::with_pipe(0).fork(P1, P2).fork(P1, P3).reads(P2, 3).reads(P3, 3);
    let one = two.write(P1, 4, "!").add(P3, What::Held).add(P3, What::Runs).got(P3, 3, "!");
    assert_eq!(wakes(&one), [("write(4, \"!\") = 1".into(), vec![P3])]);
}

#[test]
fn a_writer_is_woken_by_the_read_that_has_made_the_room() {
    let full = [Fd(4), said("xxxx"), Num(4)];
    let waits = Recording::with_pipe(0).fork(P1, P2).enter(P2, "write", &full).sleeps(P2);
    let read = waits.read(P1, 3, "x").read(P1, 3, "xy").add(P2, What::Held);
    let labels: Vec<String> = wakes(&read).into_iter().map(|(label, _)| label).collect();
    assert_eq!(labels, ["read(3, 64) = 2"], "the first made too little of it");
}

#[test]
fn a_connection_wakes_who_waits_for_one() {
    let address = Argument::Address("127.0.0.1:80".into());
    let listens = Recording::new()
        .call(P1, "socket", &[Num(2), Flags(1), Num(0)], 3)
        .call(P1, "bind", &[Fd(3), address.clone(), Num(16)], 0)
        .call(P1, "listen", &[Fd(3), Num(8)], 0)
        .fork(P1, P2)
        .enter(P1, "accept4", &[Fd(3), Argument::Opaque, Argument::Opaque, Flags(0)])
        .sleeps(P1);
    let connects = listens
        .call(P2, "socket", &[Num(2), Flags(1), Num(0)], 4)
        .enter(P2, "connect", &[Fd(4), address.clone(), Num(16)])
        .add(P1, What::Held)
        .leave(P2, "connect", &[Fd(4), address, Num(16)], Outcome::Value(0));
    assert_eq!(wakes(&connects), [("connect(4, 127.0.0.1:80)".into(), vec![P1])]);
    let page = trace::html::page(&listens_until(&connects, "connect").0, "connects");
    assert!(page.contains("it listens at 127.0.0.1:80; there is one now, so it wakes"), "{page}");
    let note = row(&connects, "connect(4, 127.0.0.1:80)").note;
    assert_eq!(
        note.as_deref(),
        Some("in the queue of socket 1, until somebody accepts it; wakes P1")
    );
}

/// As far as the return of that call, at which the one who sleeps has not gone on.
fn listens_until(recording: &Recording, call: &str) -> Recording {
    let goes_on = |event: &&trace::Event| event.what != What::Held;
    let is_over =
        |event: &trace::Event| matches!(&event.what, What::Leave { name, .. } if name == call);
    let events: Vec<trace::Event> = recording.0.iter().filter(goes_on).cloned().collect();
    let over = events.iter().position(is_over).expect("it returns");
    Recording(events[..=over].to_vec())
}

#[test]
fn whom_a_signal_or_the_time_has_woken_nobody_else_has() {
    let set = [Num(4), Argument::Set(vec![]), Argument::Null, Argument::Null, Argument::Null];
    let late = selects().leave(P1, "select", &set, Outcome::Value(0)).write(P2, 4, "!");
    assert_eq!(wakes(&late), [], "the time was up before");
    let interrupted = selects()
        .signalled(P1, 10, Some(P2))
        .leave(P1, "select", &set, Outcome::Interrupted)
        .handled(P1, 10)
        .write(P2, 4, "!");
    assert_eq!(wakes(&interrupted), []);
}

#[test]
fn who_execs_lets_the_one_go_on_that_has_made_it_by_vfork() {
    let born = What::Born {
        parent: P1,
        process: P2,
        shares_files: false,
        maker_waits: true,
        sibling: false,
    };
    let made = Recording::new().enter(P1, "vfork", &[]).add(P2, born).sleeps(P1);
    let execs = made.exec(P2, "/bin/cat").add(P1, What::Held);
    let woken: Vec<Vec<Task>> = wakes(&execs).into_iter().map(|(_, woken)| woken).collect();
    assert_eq!(woken, [[P1]]);
}

#[test]
fn a_thread_that_ends_wakes_who_joins_it() {
    let join = [Argument::Opaque, Num(265), Argument::Task(P2)];
    let joins = Recording::new().thread(P1, P2).thread(P1, P3).enter(P1, "futex", &join).sleeps(P1);
    let other = joins.add(P3, What::Ended { status: Status::Code(0) });
    let ends = other.add(P2, What::Ended { status: Status::Code(0) });
    let woken = ends.leave(P1, "futex", &join, Outcome::Value(0));
    assert_eq!(wakes(&woken), [("exit(0)".into(), vec![P1])]);
    assert!(
        row(&woken, "exit(0)").sentence.starts_with("P3"),
        "which comes first, and wakes nobody"
    );
}
