//! What is folded, and what is too different for that.

mod common;

use common::*;
use trace::Task;
use trace::call::Argument;
use trace::rows::{Row, Rows};

/// Children write in turn, and their parent reads; it closes another descriptor each time.
fn rounds(times: usize) -> Vec<Row> {
    let children = [P2, P3, Task(4), Task(5)];
    let begin = children.iter().fold(Recording::with_pipe(0), |all, child| all.fork(P1, *child));
    let round = |all: Recording, number: usize| {
        let all = all.write(children[number % 4], 4, "done\n").read(P1, 3, "done\n");
        all.fails(P1, "close", &[Fd(100 + number as i32)], "EBADF")
    };
    Rows::of(&(0..times).fold(begin, round).0).rows
}

fn folded(rows: &[Row]) -> Vec<&str> {
    let labels = rows.iter().map(|row| row.label.as_str());
    labels.filter(|label| label.starts_with('…')).collect()
}

#[test]
fn in_a_long_recording_what_others_do_alike_is_folded_and_they_are_named() {
    let rows = rounds(100);
    let label =
        "… 3 rows like these, 99 times more, with P3, P4, P5, P2, P3, P4, … in the place of P2";
    assert_eq!(folded(&rows), [label]);
}

#[test]
fn in_a_short_one_it_is_told_of_each() {
    assert_eq!(folded(&rounds(10)), [""; 0]);
}

#[test]
fn what_ends_otherwise_is_not_folded() {
    let close = |all: Recording, number: usize| {
        let fd = [Fd(100 + number as i32)];
        if number == 100 {
            all.fails(P1, "close", &fd, "EIO")
        } else {
            all.fails(P1, "close", &fd, "EBADF")
        }
    };
    let rows = Rows::of(&(0..250).fold(Recording::new(), close).0).rows;
    assert_eq!(folded(&rows), ["… 99 more like this", "… 148 more like this"]);
    assert!(rows.iter().any(|row| row.label.contains("EIO")));
}

#[test]
fn who_is_reaped_in_a_folded_row_is_seen_to_go_there() {
    let children = [P2, P3, Task(4), Task(5)];
    let begin = children.iter().fold(Recording::new(), |all, child| all.fork(P1, *child));
    let close = |all: Recording, number| all.fails(P1, "close", &[Fd(100 + number)], "EBADF");
    let long = (0..250).fold(begin, close);
    let all =
        children.iter().fold(long, |all, child| all.exit(*child, 0).waits(P1).reaps(P1, *child, 0));
    assert!(folded(&Rows::of(&all.0).rows)[1].contains("with P3, P4, P5 in the place of P2"));
    let picture = trace::svg::picture(&all.0);
    let row = picture
        .split("<g class=\"row")
        .find(|row| row.contains("in the place of"))
        .expect("it is drawn");
    let row = row.split("</g>").next().unwrap_or_default();
    assert_eq!(row.matches("class=\"gone\"").count(), 3, "{row}");
}

/// As a backtrace, which is written in pieces.
#[test]
fn in_a_long_recording_pieces_of_any_length_are_folded() {
    let begin = Recording::with_pipe(0).call(P1, "dup2", &[Fd(4), Fd(2)], 2);
    let pieces = ["at ", ":", "/a/path\n", "  "];
    // In no order that comes again.
    let piece = |all: Recording, number: u64| {
        let which = number.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 62;
        all.write(P1, 2, pieces[which as usize])
    };
    let rows = Rows::of(&(0..250).fold(begin, piece).0).rows;
    assert_eq!(folded(&rows), ["… 248 more like this"]);
}

/// Its indentation is written blank by blank: what is the same many times stands among what is merely alike.
#[test]
fn in_a_long_recording_what_is_the_same_does_not_part_what_is_alike() {
    let begin = Recording::with_pipe(0).call(P1, "dup2", &[Fd(4), Fd(2)], 2);
    let line = |all: Recording, number: usize| {
        let blanks = (0..8).fold(all, |all, _| all.write(P1, 2, " "));
        let piece = |all: Recording, _| all.write(P1, 2, "0x");
        (0..1 + number % 3).fold(blanks, piece).write(P1, 2, &"path".repeat(1 + number % 7))
    };
    let rows = Rows::of(&(0..100).fold(begin, line).0).rows;
    let folded = folded(&rows);
    assert_eq!((folded.len(), rows.len() < 12), (1, true), "{folded:?}, {} rows", rows.len());
}

/// As of one who starts a program again and again by posix_spawn, which asks about each signal.
#[test]
fn what_asks_about_every_signal_is_folded_with_what_stands_around_it() {
    let asks = |all: Recording, signal| {
        let nothing = [Argument::Signal(signal), Argument::Null, Argument::Opaque];
        all.call(P1, "rt_sigaction", &nothing, 0)
    };
    let round =
        |all: Recording, _| (1..=64).fold(all, asks).fails(P1, "close", &[Fd(100)], "EBADF");
    let rows = Rows::of(&(0..10).fold(Recording::new(), round).0).rows;
    assert_eq!(folded(&rows), ["… these 2 rows, 9 times more"]);
    assert!(rows[1].label.starts_with("64 × rt_sigaction"), "{}", rows[1].label);
}

#[test]
fn lines_that_say_something_else_are_not_the_same_once_more() {
    let says = |recording: Recording, text: &&str| recording.write(P1, 1, text);
    let story = ["one asks\n", "another asks\n", "a third asks\n", "and all get it\n"];
    let told = Rows::of(&story.iter().fold(Recording::new(), says).0).rows;
    assert_eq!(told.len(), 5, "each is a row");
    let counts = ["line 1\n", "line 2\n", "line 3\n", "line 4\n", "line 5\n"];
    let counted = Rows::of(&counts.iter().fold(Recording::new(), says).0).rows;
    assert_eq!(counted.last().map(|row| row.label.as_str()), Some("… 4 times more"));
}

/// Else the picture of a script that starts some thousand programs takes minutes.
#[test]
fn who_is_gone_is_said_to_be_gone_once() {
    let round = |all: Recording, number| {
        let child = Task(number);
        all.fork(P1, child).exit(child, 0).waits(P1).reaps(P1, child, 0)
    };
    let rows = Rows::of(&(2..100).fold(Recording::new(), round).0).rows;
    let most = rows.iter().map(|row| row.marks.len()).max();
    assert!(most < Some(5), "{most:?}");
}
