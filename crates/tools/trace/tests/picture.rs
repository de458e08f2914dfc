//! What the picture shows: who does what when, what is between them, and whom it concerns.

mod common;

use common::*;
use trace::event::{Disposition, Injected, Outcome, Status};
use trace::svg::picture;
use trace::{Argument, Task, What};

/// From a row's top to where its change is drawn.
const MIDDLE: usize = 15;

fn conversation() -> Recording {
    Recording::with_pipe(O_CLOEXEC)
        .fork(P1, P2)
        .close(P1, 4)
        .reads(P1, 3)
        .close(P2, 3)
        .write(P2, 4, "hello\n")
        .got(P1, 3, "hello\n")
        .exit(P2, 0)
        .signalled(P1, 17, None)
        .waits(P1)
        .reaps(P1, P2, 0)
        .exit(P1, 0)
}

/// What stands between each occurrence of `before` and the next `after`.
fn all<'a>(text: &'a str, before: &str, after: &str) -> Vec<&'a str> {
    let parts = text.split(before).skip(1);
    parts.map(|part| part.split(after).next().unwrap_or_default()).collect()
}

fn rows(picture: &str) -> Vec<&str> {
    all(picture, "<g class=\"row", "</g>")
}

/// From which row to which one a task's bar looks so; the first row is 1.
fn bar(picture: &str, task: Task, look: &str) -> Vec<(usize, usize)> {
    let tops: Vec<usize> = rows(picture)
        .iter()
        .map(|row| all(row, "translate(0 ", ")")[0].parse().expect("a number"))
        .collect();
    let row = |y: usize| tops.iter().position(|top| top + MIDDLE == y).map_or(0, |row| row + 1);
    let bar = all(picture, &format!("<g class=\"p{}\">", (task.0 - 1) % 4), "</g>")[0];
    let Some(path) = all(bar, &format!("<path class=\"{look}\""), "/>").first().copied() else {
        return Vec::new();
    };
    // Each piece is `M50 23h14V70h-14z`, or a line on each side.
    let pieces = all(path, "d=\"", "\"")[0].split('M').skip(1).map(|piece| {
        let from = piece.split([' ', 'h', 'V']).nth(1).unwrap_or_default();
        let to = piece.split('V').nth(1).unwrap_or_default().split('h').next();
        [from, to.unwrap_or_default()].map(|y| row(y.parse().expect("a number")))
    });
    let mut pieces: Vec<(usize, usize)> = pieces.map(|[from, to]| (from, to)).collect();
    pieces.dedup();
    pieces
}

#[test]
fn a_task_that_sleeps_is_hatched_until_it_goes_on() {
    let picture = picture(&conversation().0);
    assert_eq!(bar(&picture, P1, "sleep"), [(5, 8)]);
    assert_eq!(bar(&picture, P1, "side"), [(5, 8)]);
}

#[test]
fn a_child_is_a_zombie_until_it_is_reaped() {
    let picture = picture(&conversation().0);
    assert_eq!(bar(&picture, P2, "zombie"), [(9, 10)]);
    assert_eq!(bar(&picture, P2, "run"), [(3, 9)]);
    let crossed: Vec<bool> =
        rows(&picture).iter().map(|row| row.contains("class=\"gone\"")).collect();
    assert_eq!(crossed.iter().position(|crossed| *crossed), Some(9), "where it is reaped");
}

#[test]
fn a_handler_has_a_bar_of_its_own_from_the_signal_to_its_return() {
    let handled = Recording::new()
        .sets_handler(P1, 10, &[])
        .signalled(P1, 10, None)
        .handled(P1, 10)
        .call(P1, "getppid", &[], 1)
        .add(P1, What::HandlerReturns)
        .call(P1, "getppid", &[], 1);
    let picture = picture(&handled.0);
    assert_eq!(bar(&picture, P1, "handler"), [(3, 5)]);
    assert_eq!(bar(&picture, P1, "run").len(), 1, "it runs all the while");
}

#[test]
fn a_task_that_is_held_is_hollow_and_does_not_run() {
    let born = What::Born {
        parent: P1,
        process: P2,
        shares_files: false,
        maker_waits: false,
        sibling: false,
    };
    let held = Recording::new()
        .enter(P1, "fork", &[])
        .add(P2, born)
        .add(P2, What::Held)
        .leave(P1, "fork", &[], Outcome::Task(P2))
        .close(P1, 0)
        .close(P1, 1);
    let picture = picture(&held.0);
    assert_eq!(bar(&picture, P2, "held"), [(2, 0)], "to the end of the picture");
    assert_eq!(bar(&picture, P2, "run"), []);
}

#[test]
fn a_pipe_shows_how_many_bytes_are_in_it_until_they_are_read() {
    let picture = picture(&conversation().0);
    let counts = all(&picture, "<text class=\"count\"", "</text>");
    let counts: Vec<&str> = counts.iter().filter_map(|count| count.split('>').nth(1)).collect();
    assert_eq!(counts, ["6", "6"], "one in the pipe, one in the legend");
    assert_eq!(picture.matches("class=\"flow c0\"").count(), 3, "in, out, and in the legend");
    assert!(picture.contains(">pipe 1</text>"));
}

#[test]
fn two_sockets_that_are_joined_are_one_tube_with_two_ways() {
    let joined = Recording::new()
        .sockets(P1, 3, 4)
        .write(P1, 3, "there")
        .write(P1, 4, "back!!")
        .read(P1, 4, "there")
        .read(P1, 3, "back!!");
    let picture = picture(&joined.0);
    assert_eq!(picture.matches(">sockets 1⇄2</text>").count(), 1);
    assert_eq!(picture.matches("class=\"tube\"").count(), 1);
    let rows = rows(&picture);
    let counts: Vec<Option<&str>> = rows
        .iter()
        .map(|row| all(row, "class=\"count\"", "</text>").first()?.split('>').nth(1))
        .collect();
    assert_eq!(counts, [None, None, Some("5"), Some("6"), None, None]);
    let full = all(&picture, "<path class=\"level\" d=\"", "\"")[0];
    let sides: Vec<&str> = full.split('M').skip(1).filter_map(|it| it.split(' ').next()).collect();
    assert_eq!(sides.len(), 2);
    assert_ne!(sides[0], sides[1], "what goes there stands beside what comes back");
}

#[test]
fn who_waits_is_joined_with_what_it_waits_for() {
    let picture = picture(&conversation().0);
    assert_eq!(picture.matches("<circle class=\"awaits\"").count(), 2, "one, and the legend's");
    assert!(rows(&picture)[4].contains("waits for data in pipe 1"), "{picture}");
}

#[test]
fn who_is_told_by_sigchld_is_said_and_drawn() {
    let picture = picture(&conversation().0);
    let row = rows(&picture)[8];
    assert!(row.contains("a zombie until P1 reaps it; the last write end"), "{row}");
    assert!(row.contains("of pipe 1 is closed; SIGCHLD tells P1"), "{row}");
    assert!(row.contains("class=\"signal head\""), "{row}");
}

#[test]
fn a_call_says_which_signal_has_interrupted_it() {
    let interrupted = Recording::with_pipe(0)
        .sets_handler(P1, 14, &[])
        .reads(P1, 3)
        .leave(P1, "read", &[Fd(3)], Outcome::Interrupted)
        .handled(P1, 14);
    let picture = picture(&interrupted.0);
    assert!(picture.contains("read(3) is interrupted by SIGALRM"), "{picture}");
}

#[test]
fn what_is_printed_stands_beside_the_write_and_no_number_of_one_s_own() {
    let printing = Recording::new()
        .enter(P1, "getpid", &[])
        .leave(P1, "getpid", &[], Outcome::Task(P1))
        .write(P1, 1, "[parent P1] about to fork: there is one of me, and no other\n");
    let picture = picture(&printing.0);
    assert!(picture.contains("write(1, …) = 60"), "{picture}");
    assert!(picture.contains("prints &quot;[parent P1] about to fork: there is one"), "{picture}");
    assert!(!picture.contains("getpid"), "{picture}");
}

#[test]
fn a_process_that_becomes_another_program_has_a_bar_across() {
    let picture = picture(&Recording::new().exec(P1, "/bin/cat").close(P1, 0).0);
    let crossed: Vec<bool> =
        rows(&picture).iter().map(|row| row.contains("class=\"exec\"")).collect();
    assert_eq!(crossed, [false, true, false]);
}

#[test]
fn a_long_look_into_proc_is_one_row() {
    let look = |recording: Recording, name: &str| {
        let path = [Fd(-100), Argument::Path(name.into()), Flags(0), Num(0)];
        recording.call(P1, "openat", &path, 5).read(P1, 5, "1 (x) S").read(P1, 5, "").close(P1, 5)
    };
    let looks = (0..5).fold(Recording::with_pipe(0), |all, _| look(all, "/proc/P2/stat"));
    let picture = picture(&look(looks, "/etc/motd").0);
    assert!(picture.contains("… looks into /proc: 20 calls"), "{picture}");
    assert!(picture.contains("/etc/motd"), "that is none of it: {picture}");
}

#[test]
fn an_orphan_leaves_no_zombie_and_a_parent_that_does_not_ask_neither() {
    let ended = What::Ended { status: Status::Code(0) };
    let silent =
        Recording::new().fork(P1, P2).add(P2, ended.clone()).add(P2, What::Reaped { by: None });
    assert!(picture(&silent.0).contains("leaves no zombie: its parent does not ask"));
    let orphan = Recording::new()
        .fork(P1, P2)
        .add(P1, ended.clone())
        .add(P2, What::Delivered { signal: 1, disposition: Disposition::Ignore })
        .add(P2, ended)
        .add(P2, What::Reaped { by: None });
    assert!(picture(&orphan.0).contains("leaves no zombie: its parent is gone"));
}

#[test]
fn a_zombie_that_nobody_reaps_is_one_until_its_parent_ends() {
    let never = Recording::new()
        .fork(P1, P2)
        .exit(P2, 7)
        .close(P1, 0)
        .add(P1, What::Ended { status: Status::Code(0) })
        .add(P2, What::Reaped { by: None });
    let picture = picture(&never.0);
    assert!(picture.contains("a zombie until P1 ends, which never reaps it"), "{picture}");
    assert_eq!(bar(&picture, P2, "zombie"), [(3, 5)]);
}

#[test]
fn a_sigchld_that_waits_outside_stays_one() {
    let mask = [Num(0), Argument::Signals(vec![17]), Argument::Null];
    let coalesced = Recording::new()
        .call(P1, "rt_sigprocmask", &mask, 0)
        .fork(P1, P2)
        .fork(P1, P3)
        .exit(P2, 0)
        .signalled(P1, 17, None)
        .exit(P3, 0)
        .call(P1, "rt_sigprocmask", &[Num(1), mask[1].clone(), Argument::Null], 0)
        .handled(P1, 17);
    let picture = picture(&coalesced.0);
    let told = |row: &&str| row.contains("class=\"signal head\"");
    assert_eq!(rows(&picture).iter().filter(|row| told(row)).count(), 1);
    let rows = trace::rows::Rows::of(&coalesced.0).rows;
    let notes: Vec<&str> = rows.iter().filter_map(|row| row.note.as_deref()).collect();
    let stays = "a zombie until P1 reaps it; a SIGCHLD waits for P1 already: the two become one";
    assert!(notes.contains(&stays), "{notes:?}");
}

#[test]
fn what_the_recorder_has_done_itself_has_a_frame() {
    let injected = What::Injected { call: "read".into(), deed: Injected::Fails("EAGAIN".into()) };
    let fails = Recording::with_pipe(0)
        .enter(P1, "read", &[Fd(3), Argument::Out, Num(64)])
        .add(P1, injected)
        .leave(P1, "read", &[Fd(3)], Outcome::Error("EAGAIN".into()))
        .close(P1, 3);
    let picture = picture(&fails.0);
    let framed: Vec<bool> =
        rows(&picture).iter().map(|row| row.contains("class=\"injected\"")).collect();
    assert_eq!(framed, [false, false, true, false]);
    assert!(picture.contains("the recorder made it fail"), "{picture}");
}

#[test]
fn who_sleeps_in_a_handler_is_still_in_it() {
    let recording = Recording::with_pipe(0).sets_handler(P1, 10, &[]).signalled(P1, 10, None);
    let recording = recording.handled(P1, 10).reads(P1, 3);
    let asleep = picture(&recording.0);
    assert!(asleep.contains("in a signal handler</text>"), "{asleep}");
    let mark = |picture: &str| {
        let (_, mark) = picture.split_once("<path class=\"handler\" d=\"").expect("it has a mark");
        mark.split_once('"').expect("it ends").0.to_owned()
    };
    // One mark, down to the end of the rows.
    assert_eq!(mark(&asleep).matches('M').count(), 1, "{asleep}");
    let awake = recording.got(P1, 3, "").add(P1, What::HandlerReturns);
    assert_eq!(mark(&picture(&awake.0)).matches('M').count(), 1);
}

#[test]
fn many_signals_are_one_row_that_says_how_many() {
    let asks = |recording: Recording, signal| {
        let nothing = [Argument::Signal(signal), Argument::Null, Argument::Opaque];
        recording.call(P1, "rt_sigaction", &nothing, 0)
    };
    let told = picture(&(1..=64).fold(Recording::new().write(P1, 1, "go"), asks).0);
    assert!(told.contains("64 × rt_sigaction:"), "{told}");
    assert!(!told.contains("times more"), "{told}");
}
