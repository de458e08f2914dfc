//! A recording as text.

mod common;

use common::*;
use trace::event::Status;
use trace::rows::{RowKind, Rows};
use trace::text::lanes;
use trace::{Argument, What};

fn hello() -> Recording {
    Recording::with_pipe(O_CLOEXEC)
        .fork(P1, P2)
        .add(P2, What::Held)
        .close(P1, 4)
        .reads(P1, 3)
        .add(P2, What::Runs)
        .write(P2, 4, "hello\n")
        .got(P1, 3, "hello\n")
        .exit(P2, 0)
        .signalled(P1, 17, None)
        .waits(P1)
        .reaps(P1, P2, 0)
        .exit(P1, 0)
}

#[test]
fn time_runs_down_and_processes_are_columns() {
    let expected = " 1 ┃ starts: /bin/program
 2 ┃ pipe2([3, 4], O_CLOEXEC)
   ┃   pipe 1: fd 3 reads, fd 4 writes
 3 ┃ fork() = P2 ──────────────────────▶│ P2 program
   ┃   P2 is a copy of P1               │
 4 ┃ close(4)                           │
   ┃   the write end of pipe 1          │
 5 ┊ read(3, 64)                        │
   ┊   waits for data in pipe 1         │
 6 ┊◀═══════════════════════════════════┃ write(4, \"hello\\n\") = 6
   ┊                                    ┃   6 bytes into pipe 1; wakes P1
 7 ┃ … read(3) = 6                      ┃
   ┃   out of pipe 1: \"hello\\n\"         ┃
 8 ┃◀┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄░ exit(0)
   ┃                                    ░   a zombie until P1 reaps it;
   ┃                                    ░   the last write end of pipe 1
   ┃                                    ░   is closed; SIGCHLD tells P1
 9 ┃ wait4(any) = P2 ··················▶╵
   ┃   reaps P2: exit code 0
10 ╵ exit(0)

┃ runs   │ could run, but it is not its turn   ┊ sleeps in a call
░ has ended, and is not reaped: a zombie
──▶ makes it   ══▶ wakes it   ┄┄▶ a signal   ··▶ reaps it
";
    let drawn = lanes(&hello().0, 77);
    assert_eq!(drawn, expected, "\n{drawn}");
}

#[test]
fn no_line_is_too_long_and_no_word_is_cut() {
    for width in [40, 60, 75, 100, 200] {
        let drawn = lanes(&hello().0, width);
        for line in drawn.lines() {
            assert!(line.chars().count() <= width, "{width}: {line}");
        }
        let words = ["writes", "zombie", "reaps"];
        assert!(words.iter().all(|word| drawn.contains(word)), "{drawn}");
    }
}

#[test]
fn where_columns_would_be_narrow_the_text_stands_beside_them() {
    let drawn = lanes(&hello().0, 50);
    assert!(drawn.contains(" 3 ┃ │ P1 fork() = P2 ──▶ P2 program\n"), "{drawn}");
    assert!(drawn.contains(" 7 ┃ ┃ P1 … read(3) = 6\n"), "{drawn}");
}

#[test]
fn a_column_that_is_free_is_used_again() {
    let recording = Recording::new()
        .fork(P1, P2)
        .exit(P2, 0)
        .waits(P1)
        .reaps(P1, P2, 0)
        .enter(P1, "getpid", &[])
        .leave(P1, "getpid", &[], trace::event::Outcome::Task(P1))
        .fork(P1, P3)
        .exit(P3, 1);
    let drawn = lanes(&recording.0, 80);
    assert_eq!(drawn.matches("▶┃ P").count(), 2, "{drawn}");
}

#[test]
fn long_stretches_fold() {
    let mut recording = Recording::with_pipe(0);
    for _ in 0..4096 {
        recording = recording.write(P1, 4, "!").read(P1, 3, "!");
    }
    let rows = Rows::of(&recording.close(P1, 4).0).rows;
    let kinds: Vec<RowKind> = rows.iter().map(|row| row.kind).collect();
    assert_eq!(kinds[2..], [RowKind::Call, RowKind::Call, RowKind::Folded(4095), RowKind::Call]);
    assert_eq!(rows[4].label, "… these 2 rows, 4095 times more");
    assert_eq!((rows[3].number, rows[4].number, rows[5].number), (4, 5, 8195));
    assert_eq!(rows[4].last + 2, rows[5].last);
}

#[test]
fn stretches_that_each_make_a_child_fold_and_others_don_t() {
    let storm = |fates: [u8; 5]| {
        let mut recording = Recording::new();
        for (number, code) in (2..).zip(fates) {
            let child = trace::Task(number);
            recording =
                recording.fork(P1, child).exit(child, code).waits(P1).reaps(P1, child, code);
        }
        Rows::of(&recording.0).rows.iter().map(|row| row.kind).collect::<Vec<_>>()
    };
    let call = [RowKind::Makes, RowKind::Ended, RowKind::Call];
    assert_eq!(storm([0; 5])[1..], [&call[..], &[RowKind::Folded(4)]].concat());
    assert!(!storm([0, 0, 1, 0, 0]).contains(&RowKind::Folded(4)));
}

#[test]
fn nobody_s_beginning_is_folded_away_who_lives_on() {
    let mut recording = Recording::new();
    for child in 2..8 {
        recording = recording.fork(P1, trace::Task(child));
    }
    let rows = Rows::of(&recording.0).rows;
    assert_eq!(rows.iter().filter(|row| row.kind == RowKind::Makes).count(), 6);
}

#[test]
fn the_prologue_folds_to_its_last_call_that_is_surely_the_runtime_s() {
    let file = |fd| [Num(-100), Argument::Path("/etc/ld.so.cache".into()), Flags(0), Num(fd)];
    let pipe = || Argument::Signal(13);
    let recording = Recording::new()
        .call(P1, "brk", &[], 4096)
        .call(P1, "openat", &file(0), 3)
        .close(P1, 3)
        .call(P1, "poll", &[Argument::Polled(vec![]), Num(3), Num(0)], 0)
        .call(P1, "rt_sigaction", &[pipe(), Argument::Null, Argument::Null], 0)
        .call(P1, "rt_sigaction", &[Argument::Signal(15), Argument::Null, Argument::Null], 0)
        .call(P1, "mmap", &[], 4096)
        .close(P1, 1);
    let rows = Rows::of(&recording.0).rows;
    let kinds: Vec<RowKind> = rows.iter().map(|row| row.kind).collect();
    assert_eq!(kinds, [RowKind::Begin, RowKind::Prologue(5), RowKind::Call, RowKind::Call]);
}

#[test]
fn a_call_that_slept_is_two_rows_and_another_is_one() {
    let rows = Rows::of(&hello().0).rows;
    let read: Vec<RowKind> =
        rows.iter().filter(|row| row.call.as_deref() == Some("read")).map(|row| row.kind).collect();
    assert_eq!(read, [RowKind::Waits, RowKind::GoesOn]);
    assert_eq!(rows.iter().filter(|row| row.call.as_deref() == Some("write")).count(), 1);
}

#[test]
fn a_signal_that_kills_and_the_end_are_one_row_with_its_sender() {
    let killed = Recording::new()
        .fork(P1, P2)
        .call(P1, "kill", &[Argument::Task(P2), Argument::Signal(9)], 0)
        .signalled(P2, 9, Some(P1))
        .add(P2, What::Ended { status: Status::Signal(9) });
    let drawn = lanes(&killed.0, 80);
    assert!(drawn.contains("kill(P2, SIGKILL) ┄"), "{drawn}");
    assert!(drawn.contains("killed by SIGKILL"), "{drawn}");
}

#[test]
fn what_contradicts_itself_is_drawn_all_the_same() {
    let drawn = lanes(&Recording::with_pipe(0).read(P1, 3, "x").0, 80);
    assert!(
        drawn.contains("!! step 4, P1: expected at most 0 bytes from pipe 1, not 1"),
        "{drawn}"
    );
}

#[test]
fn a_knot_is_told_where_it_is_tied() {
    let stuck =
        Recording::with_pipe(0).fork(P1, P2).reads(P2, 3).waits(P1).sleeps(P1).add(P1, What::Stuck);
    let drawn = lanes(&stuck.0, 100);
    let knot = "   ┊   P1 is blocked in wait4(any): waits for a child to end
   ┊   P2 is blocked in read(3): waits for data in pipe 1; write ends still open: fd 4 of P1, fd 4
   ┊   of P2 itself
   ┊   Round and round: P1 waits for a child to end, which is up to P2; P2 waits for data in pipe
   ┊   1, which is up to P1
   ┊   P2's own fd 4 keeps pipe 1 open: P2 should close it before it reads
";
    assert!(drawn.contains(knot), "{drawn}");
}

#[test]
fn the_order_is_said_to_be_the_recorder_s_where_it_is() {
    let mut recording = hello();
    assert!(!lanes(&recording.0, 80).contains("The recorder chose"));
    if let What::Begin { policy, seed, .. } = &mut recording.0[0].what {
        (*policy, *seed) = ("random".into(), 7);
    }
    assert!(lanes(&recording.0, 80).contains("The recorder chose who runs next (random, seed 7)"));
}
