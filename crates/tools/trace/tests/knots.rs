//! A program that hangs: who waits for whom, and which advice is none.

mod common;

use common::*;
use trace::Argument;
use trace::knot::{is_knot, knot};

/// What is said beside who sleeps where.
#[track_caller]
fn said(recording: &Recording) -> Vec<String> {
    let model = recording.model();
    assert!(is_knot(&model));
    knot(&model).into_iter().filter(|line| !line.contains(" is blocked in ")).collect()
}

#[test]
fn in_a_ring_of_pipes_nobody_is_told_to_close_what_it_would_write_to() {
    let pipes = Recording::with_pipe(0).pipe(P1, 5, 6, 0).pipe(P1, 7, 8, 0);
    let ring = pipes.fork(P1, P2).fork(P1, P3);
    let own = |recording: Recording, task, closed: [i32; 4]| {
        closed.into_iter().fold(recording, |recording, fd| recording.close(task, fd))
    };
    let ring = own(ring, P1, [4, 5, 7, 8]);
    let ring = own(ring, P2, [3, 6, 7, 4]);
    let ring = own(ring, P3, [3, 5, 6, 8]);
    // P1 reads pipe 1 and would write pipe 2; P2 reads that and would write pipe 3.
    let ring = ring.reads(P1, 3).reads(P2, 5).reads(P3, 7);
    assert_eq!(
        said(&ring),
        [
            "Round and round: P1 waits for data in pipe 1, which is up to P3; P3 waits for data in pipe 3, \
             which is up to P2; P2 waits for data in pipe 2, which is up to P1",
            "P1, P3 and P2 all wait to read: one of them must write first, or close its end",
        ],
    );
}

#[test]
fn a_thread_is_not_told_to_close_its_process_s_end_before_it_reads() {
    let join = [Argument::Opaque, Num(265), Argument::Task(P2)];
    let joins = Recording::with_pipe(0).thread(P1, P2).reads(P2, 3).enter(P1, "futex", &join);
    assert_eq!(
        said(&joins.sleeps(P1)),
        [
            "Round and round: P1 waits for P2 to end, which is up to P2; P2 waits for data in pipe 1, \
             which is up to P1",
            "only P1's own fd 4 keeps pipe 1 open: no thread of P1 writes to it any more",
        ]
    );
}

#[test]
fn a_ring_goes_through_any_thread_of_a_process() {
    let threads = Recording::with_pipe(0).pipe(P1, 5, 6, 0).fork(P1, P2).close(P1, 4).close(P1, 5);
    let threads = threads.close(P2, 3).close(P2, 6).thread(P1, P3).reads(P2, 5).reads(P1, 3);
    let pauses = threads.enter(P3, "pause", &[]).sleeps(P3);
    assert_eq!(
        said(&pauses)[..2],
        [
            "Round and round: P1 waits for data in pipe 1, which is up to P2; P2 waits for data in pipe 2, \
             which is up to P1",
            "P1 and P2 all wait to read: one of them must write first, or close its end",
        ]
    );
}

#[test]
fn who_wait_for_the_same_wait_for_nobody_s_turn() {
    let both = Recording::with_pipe(0).fork(P1, P2).reads(P1, 3).reads(P2, 3);
    assert!(said(&both).iter().all(|line| !line.starts_with("Round")), "{:?}", said(&both));
}

#[test]
fn nobody_who_would_write_if_it_were_fed_is_told_to_have_forgotten_an_end() {
    // P1 | P2 | P3, where P2 keeps the write end of what it reads.
    let line = Recording::with_pipe(0).pipe(P1, 5, 6, 0).fork(P1, P2).fork(P1, P3);
    let line = [3, 4, 5, 6].into_iter().fold(line, |line, fd| line.close(P1, fd));
    let line = line.close(P2, 5).close(P3, 3).close(P3, 4).close(P3, 6);
    let line = line.reads(P2, 3).reads(P3, 5).waits(P1).sleeps(P1);
    assert_eq!(
        said(&line),
        ["only P2's own fd 4 keeps pipe 1 open: P2 should close it before it reads"]
    );
}

#[test]
fn two_rings_share_nobody() {
    let both = Recording::with_pipe(0).fork(P1, P2).fork(P1, P3);
    let both = both.close(P2, 4).close(P3, 4).reads(P2, 3).reads(P3, 3).waits(P1).sleeps(P1);
    assert_eq!(
        said(&both),
        [
            "Round and round: P1 waits for a child to end, which is up to P2; P2 waits for data in pipe 1, \
             which is up to P1",
            "P1's own fd 4 keeps pipe 1 open: nobody writes to it any more",
        ]
    );
}

#[test]
fn who_was_told_of_what_is_there_already_is_told_so() {
    let epoll = Recording::with_pipe(0).call(P1, "epoll_create1", &[Flags(0)], 5);
    let watch = [Fd(5), Num(1), Fd(3), Argument::Opaque];
    let epoll = epoll.call(P1, "epoll_ctl", &watch, 0).write(P1, 4, "hi");
    let wait = [Fd(5), Argument::Opaque, Num(1), Num(-1)];
    let waits = epoll.enter(P1, "epoll_wait", &wait).sleeps(P1);
    assert_eq!(
        said(&waits),
        [
            "pipe 1 holds 2 bytes already, and P1 was told so: with EPOLLET or EPOLLONESHOT, it has to read until there \
             is nothing left, or ask anew"
        ]
    );
}

#[test]
fn who_would_be_told_by_its_own_handler_needs_its_own_end() {
    let only = Recording::with_pipe(0).sets_handler(P1, 10, &[]).reads(P1, 3);
    assert_eq!(
        said(&only),
        ["only P1's own fd 4 keeps pipe 1 open: only a signal's handler of P1 could write to it"]
    );
}
