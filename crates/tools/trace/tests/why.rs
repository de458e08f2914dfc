//! Why a task sleeps, and what knot holds a program.

mod common;

use common::*;
use trace::Argument;
use trace::event::Outcome;
use trace::knot::{is_knot, knot};
use trace::why::{Blocked, explain};

#[track_caller]
fn awaited(recording: Recording) -> String {
    Blocked::of(&recording.model(), P1).expect("P1 is in a call").awaited()
}

#[test]
fn who_asks_for_stops_too_waits_for_either() {
    let asks = [Argument::Task(P2), Argument::Null, Flags(2), Argument::Null];
    let told = [Argument::Task(P2), Argument::Signal(19), Flags(2), Argument::Null];
    let asking = Recording::new().fork(P1, P2).enter(P1, "wait4", &asks);
    assert_eq!(awaited(asking.sleeps(P1)), "P2 to end or stop");
    let rows = Recording::new().fork(P1, P2).enter(P1, "wait4", &asks);
    let rows = rows.leave(P1, "wait4", &told, Outcome::Task(P2)).0;
    let notes = trace::rows::Rows::of(&rows).rows;
    assert_eq!(
        notes.last().and_then(|row| row.note.as_deref()),
        Some("is told that P2 was stopped by SIGSTOP")
    );
}

fn hangs() -> Recording {
    Recording::with_pipe(0).fork(P1, P2).reads(P2, 3).waits(P1).sleeps(P1)
}

#[test]
fn a_reader_is_told_who_could_write_itself_included() {
    let blocked = Blocked::of(&hangs().model(), P2).expect("P2 is in a call");
    assert_eq!(
        blocked.sentence(&hangs().model()),
        "P2 is blocked in read(3): waits for data in pipe 1; write ends still open: fd 4 of P1, \
         fd 4 of P2 itself"
    );
}

#[test]
fn a_knot_names_the_ring_and_the_end_that_should_have_been_closed() {
    let model = hangs().model();
    assert!(is_knot(&model));
    assert_eq!(
        knot(&model),
        [
            "P1 is blocked in wait4(any): waits for a child to end",
            "P2 is blocked in read(3): waits for data in pipe 1; write ends still open: fd 4 of P1, \
         fd 4 of P2 itself",
            "Round and round: P1 waits for a child to end, which is up to P2; P2 waits for data in pipe \
         1, which is up to P1",
            "P2's own fd 4 keeps pipe 1 open: P2 should close it before it reads",
        ]
    );
}

#[test]
fn only_its_own_write_end_keeps_a_reader_waiting() {
    let model = hangs().0;
    let recording = Recording(model[..model.len() - 2].to_vec()).close(P1, 4).waits(P1).sleeps(P1);
    let lines = knot(&recording.model());
    assert!(
        lines.contains(
            &"only P2's own fd 4 keeps pipe 1 open: P2 should close it before it reads".into()
        ),
        "{lines:?}"
    );
}

#[test]
fn a_parent_that_waits_may_hold_the_end_that_its_child_waits_for() {
    let recording =
        Recording::with_pipe(0).fork(P1, P2).close(P2, 4).reads(P2, 3).waits(P1).sleeps(P1);
    let lines = knot(&recording.model());
    assert_eq!(
        lines.last().map(String::as_str),
        Some("P1's own fd 4 keeps pipe 1 open: nobody writes to it any more")
    );
}

#[test]
fn two_that_write_to_each_other_and_do_not_read_are_told_so() {
    let large = |fd| [Fd(fd), Argument::Bytes("x".into(), 100_000), Num(100_000)];
    let recording = Recording::with_pipe(0)
        .pipe(P1, 5, 6, 0)
        .fork(P1, P2)
        .enter(P1, "write", &large(4))
        .sleeps(P1)
        .enter(P2, "write", &large(6))
        .sleeps(P2);
    let lines = knot(&recording.model());
    assert_eq!(
        lines.last().map(String::as_str),
        Some("P1 and P2 all write and wait for room: one of them must read")
    );
    assert!(
        lines[0].contains(
            "waits for room in pipe 1; read ends still open: fd 3 of P1 itself, fd 3 of P2"
        )
    );
}

#[test]
fn a_lock_that_nobody_is_left_to_release_is_told() {
    let recording = Recording::new().enter(P1, "futex", &[Argument::Opaque, Num(0)]).sleeps(P1);
    let lines = knot(&recording.model());
    assert!(
        lines[1].starts_with("P1 has no other thread that could release the lock"),
        "{lines:?}"
    );
    let below = Recording::new()
        .sets_handler(P1, 10, &[])
        .handled(P1, 10)
        .enter(P1, "futex", &[Argument::Opaque, Num(0)])
        .sleeps(P1);
    assert!(knot(&below.model())[1].contains("in a signal handler for a lock"));
}

#[test]
fn a_lock_may_say_who_holds_it_and_processes_may_share_it() {
    let waits = |task, operation, value| {
        Recording::new().enter(task, "futex", &[Argument::Opaque, Num(operation), value]).sleeps(P1)
    };
    let own = waits(P1, 128, Argument::Holder(P1));
    let said = "P1 is blocked in futex(FUTEX_WAIT): waits for a lock; P1 itself holds it";
    assert_eq!(knot(&own.model()), [said]);
    let another = waits(P1, 134, Argument::Holder(P2));
    let said =
        "P1 is blocked in futex(FUTEX_LOCK_PI): waits for a lock; P2 held it when P1 began to wait";
    assert_eq!(knot(&another.model()), [said]);
    let lines = knot(&waits(P1, 0, Num(2)).model());
    assert!(lines[0].contains("waits for a lock that processes may share"), "{lines:?}");
    assert!(lines[1].contains("it holds the lock itself, or whoever held it has ended"));
}

#[test]
fn who_sleeps_for_a_time_is_in_no_knot() {
    let asleep = Recording::new()
        .enter(P1, "nanosleep", &[Argument::Time(10_000_000), Argument::Null])
        .sleeps(P1);
    assert!(!is_knot(&asleep.model()));
    let sometime = Recording::with_pipe(0).enter(
        P1,
        "poll",
        &[Argument::Polled(vec![(3, 1, 0)]), Num(1), Num(50)],
    );
    assert!(!is_knot(&sometime.sleeps(P1).model()));
    assert!(!is_knot(&Recording::with_pipe(0).fork(P1, P2).reads(P2, 3).model()));
}

#[test]
fn each_call_says_what_it_waits_for() {
    let begin = || Recording::with_pipe(0).fork(P1, P2);
    let enter = |name, arguments: &[Argument]| awaited(begin().enter(P1, name, arguments));
    assert_eq!(enter("wait4", &[Argument::Task(P2)]), "P2 to end");
    assert_eq!(enter("pause", &[]), "a signal");
    assert_eq!(enter("nanosleep", &[Argument::Time(1_500_000_000)]), "1.5 s to pass");
    assert_eq!(enter("futex", &[Argument::Opaque, Num(0)]), "a lock");
    let futex = |operation, value| enter("futex", &[Argument::Opaque, Num(operation), Num(value)]);
    assert_eq!([futex(128, 2), futex(137, 2), futex(134, 0)], ["a lock"; 3]);
    assert_eq!([futex(0, 2), futex(6, 0)], ["a lock that processes may share"; 2]);
    assert_eq!(futex(137, 7), "another thread to wake it, as at a condition or a channel");
    assert_eq!(futex(265, 0), "somebody to wake it, as at a semaphore");
    // The id of another process is no thread that could be joined.
    let other = enter("futex", &[Argument::Opaque, Num(265), Argument::Task(P2)]);
    assert_eq!(other, "somebody to wake it, as at a semaphore");
    assert_eq!(
        enter("rt_sigtimedwait", &[Argument::Signals(vec![10, 17]), Argument::Null]),
        "SIGUSR1 or SIGCHLD"
    );
    let many = (1..=31).chain(34..=64);
    let all = [Argument::Signals(many.clone().collect()), Argument::Null];
    assert_eq!(enter("rt_sigtimedwait", &all), "any signal");
    let most = [Argument::Signals(many.filter(|it| *it != 2).collect()), Argument::Null];
    assert_eq!(enter("rt_sigtimedwait", &most), "any signal but SIGINT");
    assert_eq!(
        enter("select", &[Num(5), Argument::Set(vec![3]), Argument::Set(vec![4]), Argument::Null]),
        "data in pipe 1 or room in pipe 1"
    );
    assert_eq!(
        enter("poll", &[Argument::Polled(vec![(3, 1, 0)]), Num(1), Num(250)]),
        "data in pipe 1, at most 250 ms"
    );
}

#[test]
fn epoll_waits_for_what_it_watches() {
    let recording = Recording::with_pipe(0).call(P1, "epoll_create1", &[Flags(0)], 5).call(
        P1,
        "epoll_ctl",
        &[Fd(5), Num(1), Fd(3), Argument::Opaque],
        0,
    );
    let wait = [Fd(5), Argument::Opaque, Num(8), Num(-1)];
    assert_eq!(awaited(recording.enter(P1, "epoll_wait", &wait)), "data in pipe 1");
}

#[test]
fn who_joins_a_thread_waits_for_it_to_end() {
    let join = [Argument::Opaque, Num(265), Argument::Task(P2)];
    let recording = Recording::new().thread(P1, P2).enter(P1, "futex", &join);
    assert_eq!(awaited(recording), "P2 to end");
}

#[test]
fn an_epoll_instance_that_watches_another_waits_for_what_that_one_watches() {
    let watch = |recording: Recording, epoll, fd| {
        recording.call(P1, "epoll_ctl", &[Fd(epoll), Num(1), Fd(fd), Argument::Opaque], 0)
    };
    let inner = Recording::with_pipe(0).call(P1, "epoll_create1", &[Flags(0)], 5);
    let outer = watch(inner, 5, 3).call(P1, "epoll_create1", &[Flags(0)], 6);
    let wait = [Fd(6), Argument::Opaque, Num(8), Num(-1)];
    assert_eq!(awaited(watch(outer, 6, 5).enter(P1, "epoll_wait", &wait)), "data in pipe 1");
}

#[test]
fn a_listener_waits_for_a_connection_and_a_socket_for_data() {
    let socket = || {
        Recording::new().call(P1, "socket", &[Num(2), Flags(1), Num(0)], 3).call(
            P1,
            "listen",
            &[Fd(3), Num(8)],
            0,
        )
    };
    let accept = [Fd(3), Argument::Null, Argument::Null];
    assert_eq!(awaited(socket().enter(P1, "accept", &accept)), "a connection on socket 1");
    let accepted = socket().call(P1, "accept", &accept, 4);
    assert_eq!(
        awaited(accepted.enter(P1, "recvfrom", &[Fd(4), Argument::Out, Num(8)])),
        "data on socket 2"
    );
}

#[test]
fn vfork_s_caller_waits_for_its_child() {
    let born = trace::What::Born {
        parent: P1,
        process: P2,
        shares_files: false,
        maker_waits: true,
        sibling: false,
    };
    let recording = Recording::new().enter(P1, "vfork", &[]).add(P2, born).sleeps(P1);
    assert_eq!(awaited(recording), "P2 to exec or end");
}

#[test]
fn an_end_in_a_message_is_told() {
    let pair = [Num(1), Flags(1), Num(0), Argument::Descriptors(vec![5, 6])];
    let message = [Fd(5), Argument::Passed(vec![4]), Flags(0)];
    let recording = Recording::with_pipe(0)
        .call(P1, "socketpair", &pair, 0)
        .call(P1, "sendmsg", &message, 1)
        .close(P1, 4)
        .reads(P1, 3);
    assert!(
        explain(&recording.model()).ends_with("write end still open: one in a message to socket 2")
    );
}

#[test]
fn who_goes_on_is_not_told_to_sleep() {
    let recording = hangs().leave(P1, "wait4", &[], Outcome::Error("EINTR".into()));
    assert!(!explain(&recording.model()).contains("P1 is blocked"));
}

#[test]
fn who_splices_waits_for_bytes_and_then_for_room() {
    let splice = [Fd(3), Argument::Null, Fd(6), Argument::Null, Num(8), Flags(0)];
    let pipes = || Recording::with_pipe(0).pipe(P1, 5, 6, 0);
    assert_eq!(awaited(pipes().enter(P1, "splice", &splice)), "data in pipe 1");
    let full = pipes().write(P1, 4, "hi");
    assert_eq!(awaited(full.enter(P1, "splice", &splice)), "room in pipe 2");
    let tee = [Fd(3), Fd(6), Num(8), Flags(0)];
    assert_eq!(awaited(pipes().enter(P1, "tee", &tee)), "data in pipe 1");
}

#[test]
fn who_waits_for_a_child_to_stop_or_go_on_is_not_said_to_wait_for_its_end() {
    let waits = |flags| {
        let whom = [Num(1), Argument::Task(P2), Argument::Opaque, Flags(flags), Argument::Null];
        awaited(Recording::new().fork(P1, P2).enter(P1, "waitid", &whom))
    };
    assert_eq!(waits(4), "P2 to end");
    assert_eq!(waits(2), "P2 to stop");
    assert_eq!(waits(8), "P2 to be continued");
    assert_eq!(waits(14), "P2 to end or stop or be continued");
    let any = [Num(-1), Argument::Out, Flags(2), Argument::Null];
    let any = Recording::new().fork(P1, P2).enter(P1, "wait4", &any);
    assert_eq!(awaited(any), "a child to end or stop");
}

#[test]
fn a_signalfd_waits_for_its_signals_and_a_queue_is_named() {
    let set = Argument::Signals(vec![15, 17]);
    let made = Recording::new().call(P1, "signalfd4", &[Fd(-1), set, Num(8), Flags(0)], 3);
    let read = [Fd(3), Argument::Out, Num(128)];
    assert_eq!(awaited(made.enter(P1, "read", &read)), "SIGTERM or SIGCHLD");
    let open = [Argument::Path("jobs".into()), Flags(2), Num(0), Argument::Null];
    let queue = Recording::new().call(P1, "mq_open", &open, 3).fork(P1, P2);
    let receive = [Fd(3), Argument::Out, Num(16), Argument::Opaque, Argument::Null];
    assert_eq!(
        explain(&queue.enter(P1, "mq_timedreceive", &receive).sleeps(P1).model()),
        "P1 is blocked in mq_timedreceive(3): waits for a message in message queue /jobs; it is open as \
         fd 3 of P1 itself and fd 3 of P2"
    );
}

#[test]
fn at_a_terminal_the_other_end_is_told() {
    let open = |recording: Recording, path: &str, fd| {
        recording.call(P1, "open", &[Argument::Path(path.into()), Flags(2), Num(0)], fd)
    };
    let both = open(open(Recording::new(), "/dev/ptmx", 3), "/dev/pts/1", 4);
    let child = both.fork(P1, P2).close(P1, 4).close(P2, 3).reads(P2, 4).reads(P1, 3);
    assert_eq!(
        explain(&child.model()),
        "P1 is blocked in read(3): waits for something to read from /dev/ptmx; other end still open: fd 4 of P2 \
         and P2 is blocked in read(4): waits for something to read from /dev/pts/1; other end still open: fd 3 of P1"
    );
    let two = open(open(Recording::new(), "/dev/ptmx", 3), "/dev/ptmx", 4);
    assert_eq!(awaited(two.reads(P1, 3)), "something to read from /dev/ptmx");
}
