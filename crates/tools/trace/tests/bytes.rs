//! What the model knows of the bytes in pipes and between sockets.

mod common;

use common::*;
use trace::event::{Outcome, Status};
use trace::model::{Change, Place};
use trace::{Argument, What};

#[test]
fn pages_that_are_lent_to_a_pipe_are_bytes_in_it() {
    let lends = |fd| [Fd(fd), Argument::Opaque, Num(1), Flags(0)];
    let lent = Recording::with_pipe(0).call(P1, "vmsplice", &lends(4), 4);
    assert_eq!(lent.model().queued(Place::Pipe(1)), 4);
    let read = lent.read(P1, 3, "abc").call(P1, "vmsplice", &lends(3), 1);
    assert_eq!(read.model().queued(Place::Pipe(1)), 0);
}

#[test]
fn what_is_written_is_there_until_it_is_read() {
    let written = Recording::with_pipe(0).write(P1, 4, "hello\n");
    assert_eq!(written.model().queued(Place::Pipe(1)), 6);
    assert_eq!(written.read(P1, 3, "hel").model().queued(Place::Pipe(1)), 3);
}

#[test]
fn no_more_is_read_than_was_written() {
    let complaint = Recording::with_pipe(0).write(P1, 4, "hi").read(P1, 3, "hi!").complaint();
    assert!(
        complaint.contains("step 6, P1: expected at most 2 bytes from pipe 1, not 3"),
        "{complaint}"
    );
}

#[test]
fn a_large_write_is_read_before_it_returns() {
    let large = [Fd(4), Argument::Bytes("xxx".into(), 100), Num(100)];
    let begun = || {
        Recording::with_pipe(0).fork(P1, P2).enter(P1, "write", &large).sleeps(P1).read(
            P2,
            3,
            &"x".repeat(40),
        )
    };
    assert_eq!(begun().model().queued(Place::Pipe(1)), 0);
    let done = begun().leave(P1, "write", &large, Outcome::Value(100));
    assert_eq!(done.model().queued(Place::Pipe(1)), 60);
    let short = begun().leave(P1, "write", &large, Outcome::Value(30));
    assert!(short.complaint().contains("expected at least 40 bytes"));
    let failed = begun().leave(P1, "write", &large, Outcome::Error("EAGAIN".into()));
    assert!(failed.complaint().contains("nobody reads the 40 bytes of a failed write"));
    let too_much = begun().read(P2, 3, &"x".repeat(61));
    assert!(too_much.complaint().contains("expected at most 60 bytes"));
}

#[test]
fn a_writer_that_was_killed_leaves_what_it_had_written() {
    let large = [Fd(4), Argument::Bytes("xxx".into(), 100), Num(100)];
    let killed = Recording::with_pipe(0)
        .fork(P1, P2)
        .enter(P2, "write", &large)
        .add(P2, What::Ended { status: Status::Signal(9) });
    killed.read(P1, 3, "xxx").model();
}

#[test]
fn the_end_is_read_only_after_the_last_writer_is_gone() {
    let held = Recording::with_pipe(0).fork(P1, P2).close(P1, 4).read(P1, 3, "");
    assert!(held.complaint().contains("expected no end of pipe 1"));
    Recording::with_pipe(0).fork(P1, P2).close(P1, 4).close(P2, 4).read(P1, 3, "").model();
    // Its descriptors go in the middle of its last call; so the end may be seen before that returns.
    Recording::with_pipe(0)
        .fork(P1, P2)
        .close(P1, 4)
        .enter(P2, "exit_group", &[Num(0)])
        .read(P1, 3, "")
        .model();
}

#[test]
fn the_end_comes_after_the_bytes() {
    let early = Recording::with_pipe(0).write(P1, 4, "x").close(P1, 4).read(P1, 3, "");
    assert!(early.complaint().contains("expected some of the 1 bytes"), "{}", early.complaint());
}

#[test]
fn a_read_of_no_bytes_is_not_the_end() {
    let nothing = [Fd(3), said(""), Num(0)];
    Recording::with_pipe(0).call(P1, "read", &nothing, 0).model();
}

#[test]
fn a_peek_takes_nothing() {
    let peek = |flags| [Fd(4), said("hi"), Num(2), Flags(flags)];
    let pair = [Num(1), Flags(1), Num(0), Argument::Descriptors(vec![3, 4])];
    let begin = Recording::new().call(P1, "socketpair", &pair, 0).write(P1, 3, "hi");
    let peeked = begin.call(P1, "recvfrom", &peek(2), 2);
    assert_eq!(peeked.model().queued(Place::Socket(2)), 2);
    assert_eq!(peeked.call(P1, "recvfrom", &peek(0), 2).model().queued(Place::Socket(2)), 0);
}

#[test]
fn each_side_of_a_pair_has_its_own_queue() {
    let pair = [Num(1), Flags(1), Num(0), Argument::Descriptors(vec![3, 4])];
    let model = Recording::new()
        .call(P1, "socketpair", &pair, 0)
        .write(P1, 3, "question")
        .write(P1, 4, "no")
        .read(P1, 4, "quest")
        .model();
    assert_eq!((model.queued(Place::Socket(1)), model.queued(Place::Socket(2))), (2, 3));
}

#[test]
fn a_message_is_read_whole() {
    let pair = [Num(1), Flags(2), Num(0), Argument::Descriptors(vec![3, 4])];
    let model = Recording::new()
        .call(P1, "socketpair", &pair, 0)
        .write(P1, 3, "first")
        .write(P1, 3, "second")
        .read(P1, 4, "fir")
        .model();
    assert_eq!(model.queued(Place::Socket(2)), 6);
}

#[test]
fn sendfile_and_splice_move_bytes() {
    let file = [Num(-100), Argument::Path("/etc/hosts".into()), Flags(0), Num(0)];
    let model = Recording::with_pipe(0)
        .pipe(P1, 5, 6, 0)
        .call(P1, "openat", &file, 7)
        .call(P1, "sendfile", &[Fd(4), Fd(7), Argument::Null, Num(9)], 9)
        .call(P1, "splice", &[Fd(3), Argument::Null, Fd(6), Argument::Null, Num(8), Flags(0)], 8)
        .model();
    assert_eq!((model.queued(Place::Pipe(1)), model.queued(Place::Pipe(2))), (1, 8));
}

fn listening() -> Recording {
    let address = || Argument::Address("127.0.0.1:80".into());
    Recording::new()
        .call(P1, "socket", &[Num(2), Flags(1), Num(0)], 3)
        .call(P1, "bind", &[Fd(3), address(), Num(16)], 0)
        .call(P1, "listen", &[Fd(3), Num(128)], 0)
        .fork(P1, P2)
        .call(P2, "socket", &[Num(2), Flags(1), Num(0)], 4)
        .call(P2, "connect", &[Fd(4), address(), Num(16)], 0)
}

#[test]
fn a_connection_waits_at_the_listener_until_it_is_accepted() {
    let model = listening().model();
    assert_eq!(model.sockets[&1].queue, [3]);
    let accepted =
        listening().call(P1, "accept4", &[Fd(3), Argument::Null, Argument::Null, Flags(0)], 4);
    let model = accepted.write(P2, 4, "GET /").read(P1, 4, "GET").model();
    assert!(model.sockets[&1].queue.is_empty());
    assert_eq!(model.sockets[&2].peer, Some(3));
    assert_eq!(model.queued(Place::Socket(3)), 2);
}

#[test]
fn who_waits_for_an_answer_hears_where_its_connection_is() {
    let reads = listening().enter(P2, "recvfrom", &[Fd(4), Argument::Out, Num(8)]).sleeps(P2);
    let said = trace::why::explain(&reads.model());
    let queue = "its connection is in the queue of socket 1, and nobody has accepted it yet";
    assert!(said.ends_with(queue), "{said}");
}

#[test]
fn a_connection_that_was_refused_waits_nowhere() {
    let address = Argument::Address("127.0.0.1:80".into());
    let refused = listening().call(P2, "socket", &[Num(2), Flags(1), Num(0)], 5).fails(
        P2,
        "connect",
        &[Fd(5), address, Num(16)],
        "EAGAIN",
    );
    assert_eq!(refused.model().sockets[&1].queue, [3]);
}

#[test]
fn a_socket_ends_when_its_peer_is_closed_or_sends_no_more() {
    let pair = || {
        let pair = [Num(1), Flags(1), Num(0), Argument::Descriptors(vec![3, 4])];
        Recording::new().call(P1, "socketpair", &pair, 0)
    };
    assert!(pair().read(P1, 4, "").complaint().contains("expected no end of socket 2"));
    pair().close(P1, 3).read(P1, 4, "").model();
    pair().call(P1, "shutdown", &[Fd(3), Num(1)], 0).read(P1, 4, "").model();
    pair().call(P1, "shutdown", &[Fd(4), Num(0)], 0).read(P1, 4, "").model();
}

#[test]
fn a_step_tells_what_went_where() {
    let recording = Recording::with_pipe(0).write(P1, 4, "hello");
    let mut model = trace::Model::new();
    let last = recording.0.iter().filter_map(|event| model.apply(event).ok()).last();
    assert_eq!(last.map(|step| step.changes), Some(vec![Change::Put(Place::Pipe(1), 5, 5)]));
}
