//! Locks on files: who holds the one that somebody waits for.

mod common;

use common::*;
use trace::Argument;
use trace::why::Blocked;

const SETLK: i64 = 6;
const SETLKW: i64 = 7;
const EX: i64 = 2;

/// Two descriptors of one file, 3 and 4, each opened for itself, in P1 and in its child.
fn opened() -> Recording {
    let open = [Fd(-100), Argument::Path("/tmp/file".into()), Flags(2), Num(0)];
    let opened = Recording::new().call(P1, "openat", &open, 3).fork(P1, P2);
    opened.call(P1, "openat", &open, 4).call(P2, "openat", &open, 4)
}

fn locks(recording: Recording, fd: i32, exclusive: Option<bool>, from: i64, to: i64) -> Recording {
    let lock = [Fd(fd), Num(SETLK), Argument::Lock(exclusive, from, to)];
    recording.call(P1, "fcntl", &lock, 0)
}

/// What is said of P2, which waits for one byte.
fn waits_for(recording: Recording, exclusive: bool, byte: i64) -> String {
    let lock = [Fd(4), Num(SETLKW), Argument::Lock(Some(exclusive), byte, byte + 1)];
    said(&recording.enter(P2, "fcntl", &lock).sleeps(P2))
}

fn said(recording: &Recording) -> String {
    let model = recording.model();
    let sentence = Blocked::of(&model, P2).expect("P2 is in a call").sentence(&model);
    sentence.split_once("; ").map_or(sentence.clone(), |(_, rest)| rest.into())
}

#[test]
fn a_lock_of_fcntl_belongs_to_its_process_and_to_some_bytes() {
    let held = || locks(opened(), 3, Some(true), 0, 10);
    let open =
        "the file is open as fd 3 of P1, fd 4 of P1, fd 3 of P2 itself and fd 4 of P2 itself";
    assert_eq!(waits_for(held(), true, 9), "it is held by P1");
    assert_eq!(waits_for(held(), true, 10), open);
    let hole = || locks(held(), 4, None, 3, 5);
    assert_eq!(
        [2, 3, 4, 5].map(|byte| waits_for(hole(), true, byte) == open),
        [false, true, true, false]
    );
    // Whichever of its descriptors it closes.
    assert_eq!(
        waits_for(held().close(P1, 4), true, 9),
        "the file is open as fd 3 of P1, fd 3 of P2 itself and fd 4 of P2 itself"
    );
}

#[test]
fn who_reads_is_in_no_reader_s_way() {
    let shared = || locks(opened(), 3, Some(false), 0, i64::MAX);
    assert!(waits_for(shared(), false, 0).starts_with("the file is open"));
    assert_eq!(waits_for(shared(), true, 0), "it is held by P1");
}

#[test]
fn a_lock_of_flock_is_everybody_s_who_has_its_description() {
    let asks = |recording: Recording, task, fd| {
        recording.enter(task, "flock", &[Fd(fd), Num(EX)]).sleeps(task)
    };
    let held = || opened().call(P1, "flock", &[Fd(3), Num(EX)], 0);
    assert_eq!(said(&asks(held(), P2, 4)), "it is held by fd 3 of P1 and fd 3 of P2 itself");
    assert_eq!(said(&asks(held().close(P1, 3), P2, 4)), "it is held by fd 3 of P2 itself");
    let gone = held().close(P1, 3).close(P2, 3);
    assert_eq!(said(&asks(gone, P2, 4)), "the file is open as fd 4 of P1 and fd 4 of P2 itself");
    // The other kind's locks are not in its way.
    assert!(said(&asks(locks(opened(), 3, Some(true), 0, 10), P2, 4)).starts_with("the file is"));
}

#[test]
fn who_waits_for_more_has_let_go_of_what_it_had() {
    let shares =
        opened().call(P1, "flock", &[Fd(4), Num(1)], 0).call(P2, "flock", &[Fd(3), Num(1)], 0);
    let asks = shares.enter(P1, "flock", &[Fd(4), Num(EX)]).sleeps(P1);
    let asks = asks.enter(P2, "flock", &[Fd(4), Num(EX)]).sleeps(P2);
    assert_eq!(said(&asks), "it is held by fd 3 of P1 and fd 3 of P2 itself");
}

#[test]
fn a_lock_is_written_as_in_a_program() {
    let words = |name, arguments: &[Argument]| trace::words::call_words(name, arguments, true);
    let lock = |exclusive, from, to| {
        words("fcntl", &[Fd(3), Num(SETLKW), Argument::Lock(exclusive, from, to)])
    };
    assert_eq!(lock(Some(true), 0, i64::MAX), "fcntl(3, F_SETLKW, F_WRLCK)");
    assert_eq!(lock(Some(false), 5, 7), "fcntl(3, F_SETLKW, F_RDLCK 5..7)");
    assert_eq!(words("flock", &[Fd(3), Num(EX | 4)]), "flock(3, LOCK_EX|LOCK_NB)");
}
