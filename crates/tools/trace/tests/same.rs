//! Which two recordings tell the same.

mod common;

use common::{Num, P1, P2, Recording};
use trace::event::{Outcome, Status};
use trace::same::difference;
use trace::{Argument, What};

#[track_caller]
fn alike(one: Recording, other: Recording) {
    assert_eq!(difference(&one.0, &other.0), None);
    assert_eq!(difference(&other.0, &one.0), None);
}

/// What is said of the first difference.
#[track_caller]
fn unlike(one: Recording, other: Recording) -> String {
    assert!(difference(&other.0, &one.0).is_some());
    difference(&one.0, &other.0).expect("they differ")
}

/// Writes `text`, which had so many bytes when it still had its pids.
fn write(recording: Recording, text: &str, bytes: u64) -> Recording {
    let arguments =
        [common::Fd(1), Argument::Bytes(text.into(), bytes), Num(bytes.try_into().expect("few"))];
    recording.call(P1, "write", &arguments, bytes as i64)
}

fn wrote(text: &str, bytes: u64) -> Recording {
    write(Recording::new(), text, bytes)
}

fn opened(path: &str) -> Recording {
    open(Recording::new(), path)
}

fn open(recording: Recording, path: &str) -> Recording {
    recording.call(P1, "open", &[Argument::Path(path.into()), Argument::Flags(0)], 3)
}

fn exec(recording: Recording, path: &str) -> Recording {
    let argv = vec![path.rsplit('/').next().expect("a name").to_string()];
    let arguments = [Argument::Path(path.into()), Argument::Strings(argv.clone())];
    recording.enter(P1, "execve", &arguments).add(P1, What::Exec { path: path.into(), argv })
}

#[test]
fn any_other_event_is_a_difference() {
    alike(Recording::with_pipe(0), Recording::with_pipe(0));
    let said = unlike(wrote("hello", 5), wrote("hullo", 5));
    assert_eq!(said, "step 1: P1 calls write(1, \"hello\")\nstep 1: P1 calls write(1, \"hullo\")");
    let longer = wrote("hello", 5).add(P1, What::Ended { status: Status::Code(0) });
    assert!(unlike(wrote("hello", 5), longer).starts_with("after the end: nothing\nstep 3: P1 "));
    unlike(wrote("hello", 5), wrote("hello", 6));
    unlike(Recording::with_pipe(0).fork(P1, P2), Recording::with_pipe(0));
    unlike(Recording::with_pipe(0), Recording::with_pipe(common::O_CLOEXEC));
}

#[test]
fn a_text_with_a_name_is_as_long_as_the_pid() {
    alike(wrote("[parent P1] hi\n", 16), wrote("[parent P1] hi\n", 19));
    alike(wrote("at 127.0.0.1:port-1\n", 20), wrote("at 127.0.0.1:port-1\n", 21));
    alike(wrote("…/program", 30), wrote("…/program", 31));
    unlike(wrote("[parent P1] hi\n", 16), wrote("[parent P2] hi\n", 16));
    unlike(wrote("[parent P1] hi\n", 16), wrote("[parent P1] ho\n", 16));
}

#[test]
fn what_is_left_to_read_after_it_differs_too() {
    let read = |bytes: i64, room: i64| {
        let text = Argument::Bytes("pid P2".into(), bytes as u64);
        Recording::with_pipe(0)
            .enter(P1, "read", &[common::Fd(3), Argument::Out, Num(100)])
            .leave(P1, "read", &[common::Fd(3), text, Num(100)], Outcome::Value(bytes))
            .enter(P1, "read", &[common::Fd(3), Argument::Out, Num(room)])
    };
    alike(read(8, 92), read(11, 89));
    unlike(read(8, 92), read(8, 92).add(P1, What::Sleeps));
    // As much was read, so as much should be left.
    unlike(read(8, 92), read(8, 89));
}

#[test]
fn names_may_be_hidden_in_the_rest_of_long_prose() {
    let prose = "it is a long way to Tipperary, it is a long way to go, from her";
    alike(wrote(prose, 90), wrote(prose, 92));
    let line = "x".repeat(64);
    unlike(wrote(&line, 4096), wrote(&line, 4000));
}

#[test]
fn a_number_may_happen_to_be_a_pid() {
    alike(wrote("4096 bytes", 10), wrote("P1 bytes", 10));
    unlike(wrote("4096 bytes", 10), wrote("4097 bytes", 10));
    unlike(wrote("7 bytes", 7), wrote("P1 bytes", 7));
}

#[test]
fn random_words_must_be_the_same_again() {
    let tokens = |first: &str, second: &str| write(wrote(first, 16), second, 16);
    let (a, b, c) = ("d382cf1b07e351ff", "2a0e031b7304382d", "00000000deadbeef");
    alike(tokens(a, a), tokens(b, b));
    alike(tokens(a, b), tokens(b, c));
    unlike(tokens(a, a), tokens(b, c));
    let random = |text: &str| opened("/dev/urandom").read(P1, 3, text);
    alike(random("abcd"), random("wxyz"));
    unlike(opened("file").read(P1, 3, "abcd"), opened("file").read(P1, 3, "wxyz"));
}

#[test]
fn a_time_that_is_left_was_measured() {
    let sleep = |time| {
        let arguments = [Argument::Time(time), Argument::Opaque];
        Recording::new().call(P1, "nanosleep", &arguments, 0)
    };
    alike(sleep(59_996_355_475), sleep(59_996_574_186));
    unlike(sleep(1_000_000_000), sleep(2_000_000_000));
    unlike(sleep(1_000_000_000), sleep(1_050_000_000));
    unlike(sleep(59_996_355_475), sleep(9_996_574_186));
    let poll =
        |time| Recording::new().call(P1, "poll", &[Argument::Polled(vec![]), Num(0), Num(time)], 0);
    alike(poll(9_999), poll(10_000));
    alike(poll(9_910), poll(10_000));
    unlike(poll(1_000), poll(1_010));
    let alarm = |left| Recording::new().call(P1, "alarm", &[Num(10)], left);
    alike(alarm(10), alarm(9));
    unlike(alarm(10), alarm(0));
}

#[test]
fn what_stands_in_proc_is_the_machines_business() {
    let read = |texts: &[&str]| {
        let read = |recording: Recording, text: &&str| recording.read(P1, 3, text);
        texts.iter().fold(opened("/proc/self/maps"), read).call(P1, "close", &[common::Fd(3)], 0)
    };
    alike(read(&["a", "b"]), read(&["c"]));
    unlike(read(&[]), opened("/proc/self/maps").read(P1, 3, "a").read(P1, 4, "a"));
    // About others, of whom each machine has its own.
    let others = |many| {
        (0..many).fold(Recording::new(), |recording, _| {
            open(recording, "/proc/P0/fd").call(P1, "close", &[common::Fd(3)], 0)
        })
    };
    alike(others(3), others(5));
    unlike(open(others(0), "/proc/P2/fd"), others(0));
}

#[test]
fn the_machines_own_programs_are_let_be() {
    let ls = |path: &str, writes| {
        (0..writes).fold(exec(Recording::new(), path), |recording, _| write(recording, "a\n", 2))
    };
    alike(ls("/usr/bin/ls", 1), ls("/bin/ls", 2));
    unlike(ls("/usr/bin/ls", 1), ls("/usr/bin/cat", 1));
    unlike(ls("…/ls", 1), ls("…/ls", 2));
    let ended = |code| ls("/bin/ls", 1).add(P1, What::Ended { status: Status::Code(code) });
    unlike(ended(0), ended(1));
}

#[test]
fn path_is_searched_and_a_missing_call_is_made_otherwise() {
    let tried = |folders: &[&str]| {
        let try_it = |recording: Recording, folder: &&str| {
            let arguments = [Argument::Path(format!("{folder}/ls")), Argument::Strings(vec![])];
            recording.fails(P1, "execve", &arguments, "ENOENT")
        };
        folders.iter().fold(Recording::new(), try_it)
    };
    let found = |folders: &[&str]| exec(tried(folders), "/bin/ls");
    alike(found(&["/usr/local/bin", "/usr/bin"]), found(&[]));
    unlike(tried(&["/usr/bin"]), tried(&[]));
    let old = Recording::new().fails(P1, "clone3", &[], "ENOSYS").fork(P1, P2);
    alike(old, Recording::new().fork(P1, P2));
}
