//! What the model knows of named pipes, eventfds and datagrams.

mod common;

use common::*;
use trace::Argument;
use trace::Argument::{Address, Bytes, Count, Fifo, Null, Out};
use trace::event::Outcome;
use trace::model::{Change, Kind, Place};
use trace::why::Blocked;

const O_RDONLY: u64 = 0;
const O_WRONLY: u64 = 1;
const O_RDWR: u64 = 2;

fn fifo(flags: u64) -> [Argument; 4] {
    [Fd(-100), Fifo("/fifo".into()), Flags(flags), Argument::Opaque]
}

/// P1 reads a named pipe at 3, and P2 writes it at 3.
fn with_fifo() -> Recording {
    Recording::new()
        .fork(P1, P2)
        .enter(P1, "openat", &fifo(O_RDONLY))
        .sleeps(P1)
        .call(P2, "openat", &fifo(O_WRONLY), 3)
        .leave(P1, "openat", &fifo(O_RDONLY), Outcome::Value(3))
}

#[track_caller]
fn sentence(recording: Recording) -> String {
    let model = recording.model();
    Blocked::of(&model, P1).expect("P1 is in a call").sentence(&model)
}

/// What the last event has changed.
#[track_caller]
fn last(recording: &Recording) -> Vec<Change> {
    let (last, before) = recording.0.split_last().expect("it has events");
    let mut model = Recording(before.to_vec()).model();
    model.apply(last).unwrap_or_else(|mismatch| panic!("{mismatch}")).changes
}

#[test]
fn a_named_pipe_is_one_pipe_for_all_who_open_it() {
    let model = with_fifo().write(P2, 3, "hello").model();
    assert_eq!(model.kind(P1, 3), Some(&Kind::ReadEnd(1)));
    assert_eq!(model.kind(P2, 3), Some(&Kind::WriteEnd(1)));
    assert_eq!(model.queued(Place::Pipe(1)), 5);
    assert_eq!(model.name_of(P1, 3).as_deref(), Some("the read end of pipe 1 (/fifo)"));
}

#[test]
fn who_opens_a_named_pipe_waits_for_the_other_end() {
    let opens = |flags| Recording::new().enter(P1, "openat", &fifo(flags)).sleeps(P1);
    assert_eq!(
        sentence(opens(O_RDONLY)),
        "P1 is blocked in openat(\"/fifo\"): waits for somebody to open /fifo to write to it"
    );
    assert!(sentence(opens(O_WRONLY)).ends_with("somebody to open /fifo to read from it"));
}

#[test]
fn a_reader_of_a_named_pipe_is_told_who_could_write() {
    assert_eq!(
        sentence(with_fifo().reads(P1, 3)),
        "P1 is blocked in read(3): waits for data in pipe 1; write end still open: fd 3 of P2"
    );
}

#[test]
fn a_named_pipe_ends_with_its_last_writer_and_begins_again_empty() {
    let closed = with_fifo().write(P2, 3, "lost").close(P2, 3).close(P1, 3);
    assert_eq!(closed.model().queued(Place::Pipe(1)), 0);
    let again = Recording(closed.0).call(P1, "openat", &fifo(O_RDWR), 3);
    let model = again.model();
    assert_eq!(model.kind(P1, 3), Some(&Kind::BothEnds(1)));
    assert_eq!((model.readers(1), model.writers(1)), (1, 1));
    // Its own descriptor is a write end: no read finds the end.
    let both = with_fifo().close(P2, 3).call(P1, "openat", &fifo(O_RDWR), 4);
    assert!(both.read(P1, 3, "").complaint().contains("expected no end of pipe 1"));
}

fn adds(recording: Recording, task: trace::Task, count: u64) -> Recording {
    recording.call(task, "write", &[Fd(3), Count(count), Num(8)], 8)
}

fn takes(recording: Recording, task: trace::Task, count: u64) -> Recording {
    recording.enter(task, "read", &[Fd(3), Out, Num(8)]).leave(
        task,
        "read",
        &[Fd(3), Count(count), Num(8)],
        Outcome::Value(8),
    )
}

fn with_eventfd(count: i64) -> Recording {
    Recording::new().call(P1, "eventfd2", &[Num(count), Flags(0)], 3).fork(P1, P2)
}

#[test]
fn an_eventfd_counts() {
    let recording = adds(adds(with_eventfd(1), P1, 200), P2, 3);
    assert_eq!(recording.model().queued(Place::EventFd(1)), 204);
    assert_eq!(last(&takes(recording, P2, 204)), [Change::Taken(Place::EventFd(1), 204, 0)]);
    assert!(takes(with_eventfd(0), P2, 1).complaint().contains("expected at most 0"));
}

#[test]
fn a_reader_of_an_eventfd_is_told_who_has_it() {
    let recording = with_eventfd(0).enter(P1, "read", &[Fd(3), Out, Num(8)]).sleeps(P1);
    assert_eq!(
        sentence(recording),
        "P1 is blocked in read(3): waits for eventfd 1 to be above 0; descriptors of it still open: \
         fd 3 of P1 itself, fd 3 of P2"
    );
}

fn datagram_socket(recording: Recording, task: trace::Task, fd: i32) -> Recording {
    recording.call(task, "socket", &[Num(2), Flags(2), Num(0)], fd.into())
}

fn sent(recording: Recording, task: trace::Task, fd: i32, to: Argument) -> Recording {
    let arguments = [Fd(fd), Bytes("ping".into(), 4), Num(4), Flags(0), to, Num(16)];
    recording.call(task, "sendto", &arguments, 4)
}

fn receives(recording: Recording, task: trace::Task, fd: i32) -> Recording {
    let arguments = [Fd(fd), Out, Num(64), Flags(0), Out, Argument::Opaque];
    recording.enter(task, "recvfrom", &arguments)
}

fn received(recording: Recording, task: trace::Task, fd: i32, from: Argument) -> Recording {
    let arguments = [Fd(fd), Bytes("ping".into(), 4), Num(64), Flags(0), from, Argument::Opaque];
    receives(recording, task, fd).leave(task, "recvfrom", &arguments, Outcome::Value(4))
}

fn at(port: u32) -> Argument {
    Address(format!("127.0.0.1:{port}"))
}

/// P1's socket 1 is bound to port 9, P2 has socket 2; both are fd 4.
fn with_datagrams() -> Recording {
    let bound = datagram_socket(Recording::new().fork(P1, P2), P1, 4);
    datagram_socket(bound.call(P1, "bind", &[Fd(4), at(9), Num(16)], 0), P2, 4)
}

#[test]
fn a_datagram_is_queued_where_its_address_leads_and_goes_as_a_whole() {
    let two = sent(sent(with_datagrams(), P2, 4, at(9)), P2, 4, at(9));
    assert_eq!(two.model().queued(Place::Socket(1)), 8);
    let nowhere = sent(with_datagrams(), P2, 4, at(10));
    assert_eq!(nowhere.model().queued(Place::Socket(1)), 0);
    let first = received(two, P1, 4, at(40000));
    assert_eq!(last(&first), [Change::Taken(Place::Socket(1), 4, 4)]);
}

#[test]
fn whoever_has_sent_a_datagram_can_be_answered() {
    let asked = received(sent(with_datagrams(), P2, 4, at(9)), P1, 4, at(40000));
    let answered = sent(asked, P1, 4, at(40000));
    assert_eq!(answered.model().queued(Place::Socket(2)), 4);
}

#[test]
fn a_connected_datagram_socket_needs_no_address() {
    let connected = with_datagrams().call(P2, "connect", &[Fd(4), at(9), Num(16)], 0);
    let model = sent(connected, P2, 4, Null).model();
    assert_eq!(model.queued(Place::Socket(1)), 4);
    assert_eq!(model.sockets[&1].peer, None);
}

#[test]
fn others_may_send_a_datagram_of_whom_nothing_was_heard() {
    assert_eq!(received(with_datagrams(), P1, 4, at(53)).model().queued(Place::Socket(1)), 0);
}

#[test]
fn who_waits_for_a_datagram_is_told_where_it_would_come_from() {
    let waits = receives(with_datagrams(), P1, 4).sleeps(P1);
    assert_eq!(
        sentence(waits),
        "P1 is blocked in recvfrom(4): waits for data on socket 1; anybody may send to 127.0.0.1:9"
    );
    let connected = with_datagrams().call(P2, "connect", &[Fd(4), at(9), Num(16)], 0);
    let told = sentence(receives(connected, P1, 4).sleeps(P1));
    assert!(
        told.ends_with("anybody may send to 127.0.0.1:9; connected to it: fd 4 of P2"),
        "{told}"
    );
}
