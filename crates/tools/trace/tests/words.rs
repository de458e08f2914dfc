//! Each step in one sentence.

mod common;

use common::*;
use trace::event::{Disposition, Outcome, Status};
use trace::{Argument, Model, What};

/// The sentence of the last event.
#[track_caller]
fn last(recording: Recording) -> String {
    let mut model = Model::new();
    let mut said = String::new();
    for event in &recording.0 {
        let changes = match model.apply(event) {
            Ok(step) => step.changes,
            Err(mismatch) => panic!("{mismatch}"),
        };
        said = trace::words::sentence(&model, event, &changes);
    }
    said
}

#[test]
fn bytes_are_told_with_where_they_go_and_what_they_are() {
    let pipe = || Recording::with_pipe(0);
    assert_eq!(last(pipe().write(P1, 4, "hello\n")), r#"P1 writes 6 bytes into pipe 1: "hello\n""#);
    let written = pipe().write(P1, 4, "hello\n");
    assert_eq!(
        last(written.read(P1, 3, "h")),
        r#"P1 reads 1 byte from pipe 1: "h" (5 bytes left)"#
    );
    let ended = pipe().close(P1, 4).read(P1, 3, "");
    assert_eq!(last(ended), "P1 reads the end of pipe 1: nobody is left who could write");
}

#[test]
fn a_number_that_has_a_name_is_called_by_it() {
    let seek = |whence| Recording::with_pipe(0).call(P1, "lseek", &[Fd(3), Num(7), Num(whence)], 7);
    assert_eq!(last(seek(1)), "P1 calls lseek(3, 7, SEEK_CUR) = 7");
    assert_eq!(last(seek(9)), "P1 calls lseek(3, 7, 9) = 7");
}

#[test]
fn descriptors_are_told_with_what_they_lead_to() {
    let pipe = || Recording::with_pipe(O_CLOEXEC);
    assert_eq!(last(pipe()), "P1 makes pipe 1: fd 3 reads, fd 4 writes, both close-on-exec");
    assert_eq!(
        last(pipe().close(P1, 4)),
        "P1 closes fd 4, the write end of pipe 1; it was the last write end"
    );
    let dup2 = pipe().call(P1, "dup2", &[Fd(4), Fd(1)], 1);
    assert_eq!(last(dup2), "P1 makes fd 1 a copy of fd 4, the write end of pipe 1");
}

#[test]
fn lives_are_told() {
    let ended = || Recording::new().fork(P1, P2).exit(P2, 0);
    assert_eq!(last(ended()), "P2 ends with exit code 0; it is a zombie until P1 reaps it");
    let reaped = ended().waits(P1).reaps(P1, P2, 0);
    assert_eq!(last(reaped), "P1 reaps P2, which ended with exit code 0");
    let killed = Recording::new().fork(P1, P2).add(P2, What::Ended { status: Status::Signal(9) });
    assert_eq!(last(killed), "P2 is killed by SIGKILL; it is a zombie until P1 reaps it");
    let cloexec = Recording::with_pipe(O_CLOEXEC)
        .enter(P1, "execve", &[])
        .add(P1, What::Exec { path: "/bin/cat".into(), argv: vec!["cat".into(), "-n".into()] });
    assert_eq!(
        last(cloexec),
        "P1 becomes another program: cat -n; fds 3 and 4 were close-on-exec and are closed"
    );
}

#[test]
fn what_an_end_and_an_exec_bring_about_for_others_is_told() {
    let grandchild = || Recording::new().fork(P1, P2).fork(P2, P3);
    let end = "P2 ends with exit code 0; it is a zombie until P1 reaps it";
    assert_eq!(
        last(grandchild().exit(P2, 0)),
        format!("{end}; P3's parent is somebody outside now")
    );
    let adopts = [Num(36), Num(1)];
    let adopted = Recording::new().call(P1, "prctl", &adopts, 0);
    let asks = "P1 asks to become the parent of orphans among its descendants";
    assert_eq!(last(adopted), asks);
    let adopted = Recording::new().call(P1, "prctl", &adopts, 0).fork(P1, P2).fork(P2, P3);
    assert_eq!(last(adopted.exit(P2, 0)), format!("{end}; P3's parent is P1 now"));

    let writer = |flags| Recording::with_pipe(flags).fork(P1, P2).close(P1, 4).close(P2, 3);
    let closed = "the last write end of pipe 1 is closed";
    assert_eq!(last(writer(0).exit(P2, 0)), format!("{end}; {closed}"));
    let becomes = What::Exec { path: "/bin/true".into(), argv: Vec::new() };
    let execs = last(writer(O_CLOEXEC).enter(P2, "execve", &[]).add(P2, becomes));
    assert!(execs.ends_with(&format!("fd 4 was close-on-exec and is closed; {closed}")), "{execs}");
    // One is left.
    assert_eq!(last(Recording::with_pipe(0).fork(P1, P2).exit(P2, 0)), end);
}

#[test]
fn waits_and_signals_are_told() {
    assert_eq!(
        last(Recording::with_pipe(0).reads(P1, 3)),
        "P1 waits for data in pipe 1, and only P1 itself could write it"
    );
    let handled = Recording::new().fork(P1, P2).exit(P2, 0).handled(P1, 17);
    assert_eq!(last(handled), "P1 is interrupted by SIGCHLD; its handler runs");
    let kills = What::Delivered { signal: 15, disposition: Disposition::Default };
    assert_eq!(last(Recording::new().add(P1, kills)), "SIGTERM kills P1");
    let mask = [Num(0), Argument::Signals(vec![15]), Argument::Null];
    let blocked = || Recording::new().call(P1, "rt_sigprocmask", &mask, 0);
    assert_eq!(last(blocked()), "P1 blocks SIGTERM");
    assert_eq!(
        last(blocked().signalled(P1, 15, None)),
        "SIGTERM comes for P1, and waits outside: it is blocked there"
    );
    let sent = Recording::new().fork(P1, P2).call(
        P1,
        "kill",
        &[Argument::Task(P2), Argument::Signal(10)],
        0,
    );
    assert_eq!(last(sent), "P1 sends SIGUSR1 to P2");
}

#[test]
fn failures_are_told_with_what_they_mean() {
    let again = Recording::with_pipe(O_NONBLOCK).fails(P1, "read", &[Fd(3)], "EAGAIN");
    assert_eq!(last(again), "P1's read(3) fails with EAGAIN: it would have to wait");
    let interrupted =
        Recording::with_pipe(0).reads(P1, 3).leave(P1, "read", &[Fd(3)], Outcome::Interrupted);
    assert_eq!(last(interrupted), "P1 is interrupted in read(3) by a signal");
}

#[test]
fn flags_and_signals_have_their_names() {
    use trace::names::{flags, signal, signals, time};
    assert_eq!(flags("openat", 0o2_002_101), "O_WRONLY|O_CREAT|O_APPEND|O_CLOEXEC");
    assert_eq!(flags("openat", 0), "O_RDONLY");
    assert_eq!(flags("socket", 1 | O_CLOEXEC), "SOCK_STREAM|SOCK_CLOEXEC");
    assert_eq!(flags("wait4", 1), "WNOHANG");
    assert_eq!(flags("dup3", 1 << 40), "0x10000000000");
    assert_eq!(
        (signal(17), signal(34), signal(37)),
        ("SIGCHLD".into(), "SIGRTMIN".into(), "SIGRTMIN+3".into())
    );
    let most: Vec<i32> = (1..=64).filter(|signal| *signal != 15).collect();
    assert_eq!(signals(&most), "all but SIGTERM");
    assert_eq!([time(999), time(10_000_000), time(2_500_000_000)], ["999 ns", "10 ms", "2.5 s"]);
}

#[test]
fn a_group_is_called_by_its_leader_and_the_first_one_s_is_not_everybody() {
    let kill = |whom: Argument| {
        let arguments = [whom, Argument::Signal(9)];
        last(Recording::new().fork(P1, P2).call(P1, "kill", &arguments, 0))
    };
    assert_eq!(kill(Argument::Group(P1)), "P1 sends SIGKILL to P1's group");
    assert_eq!(kill(Argument::Group(P2)), "P1 sends SIGKILL to P2's group");
    assert_eq!(kill(Num(0)), "P1 sends SIGKILL to its own group");
    assert_eq!(kill(Num(-1)), "P1 sends SIGKILL to everybody whom it may signal");
}
