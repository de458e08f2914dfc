//! What the model knows of descriptor tables.
//!
//! Eight faults were planted, and each is caught by the test beside it here, in `bytes.rs` or in
//! `lives.rs`:
//!
//! 1. `dup2` keeps close-on-exec: `a_copy_is_not_close_on_exec_unless_that_was_asked`
//! 2. fork shares the table: `fork_copies_the_table_and_shares_the_descriptions`
//! 3. exec keeps what is close-on-exec: `exec_closes_what_is_close_on_exec_and_no_more`
//! 4. status flags belong to the descriptor: `status_flags_belong_to_the_description`
//! 5. an end closes nothing: `an_end_closes_all` (`lives.rs`)
//! 6. a failed call changes something: `a_call_that_failed_has_changed_nothing`
//! 7. a descriptor in a message is held by nobody: `a_descriptor_in_a_message_keeps_the_pipe_open`
//! 8. a blocked write counts only when it returns: `a_large_write_is_read_before_it_returns` (`bytes.rs`)

mod common;

use common::*;
use trace::Argument;
use trace::event::Outcome;
use trace::model::{Change, Holder, Kind};

#[test]
fn a_pipe_has_two_ends_with_the_flags_asked_for() {
    let model = Recording::with_pipe(O_CLOEXEC | O_NONBLOCK).model();
    assert_eq!(model.kind(P1, 3), Some(&Kind::ReadEnd(1)));
    assert_eq!(model.kind(P1, 4), Some(&Kind::WriteEnd(1)));
    assert_eq!(cloexec(&model, P1), [3, 4]);
    assert_eq!(model.description(P1, 4).map(|end| end.flags), Some(O_NONBLOCK | 1));
}

#[test]
fn a_terminals_other_end_is_opened_by_a_request() {
    let peer = [Fd(3), Num(0x5441), Flags(O_CLOEXEC | 2), Argument::Path("/dev/pts/1".into())];
    let model = Recording::new().call(P1, "ioctl", &peer, 4).model();
    assert_eq!(model.kind(P1, 4), Some(&Kind::File("/dev/pts/1".into())));
    assert_eq!(cloexec(&model, P1), [4]);
}

#[test]
fn a_copy_is_not_close_on_exec_unless_that_was_asked() {
    let model = Recording::with_pipe(O_CLOEXEC)
        .call(P1, "dup", &[Fd(3)], 5)
        .call(P1, "dup2", &[Fd(3), Fd(6)], 6)
        .call(P1, "dup3", &[Fd(3), Fd(7), Flags(O_CLOEXEC)], 7)
        .call(P1, "dup3", &[Fd(3), Fd(8), Flags(0)], 8)
        .call(P1, "fcntl", &[Fd(3), Num(0), Num(9)], 9)
        .call(P1, "fcntl", &[Fd(3), Num(1030), Num(10)], 10)
        .model();
    assert_eq!(cloexec(&model, P1), [3, 4, 7, 10]);
    for copy in 5..=10 {
        assert!(alike(&model, (P1, 3), (P1, copy)), "{copy}");
    }
    assert!(!alike(&model, (P1, 3), (P1, 4)));
}

#[test]
fn dup2_closes_what_was_there_and_leaves_a_number_alone_that_it_copies_to_itself() {
    let model = Recording::with_pipe(O_CLOEXEC)
        .call(P1, "dup2", &[Fd(3), Fd(4)], 4)
        .call(P1, "dup2", &[Fd(3), Fd(3)], 3)
        .model();
    assert_eq!(model.kind(P1, 4), Some(&Kind::ReadEnd(1)));
    assert_eq!((model.readers(1), model.writers(1)), (2, 0));
    assert_eq!(cloexec(&model, P1), [3]);
}

#[test]
fn fork_copies_the_table_and_shares_the_descriptions() {
    let model = Recording::with_pipe(0).fork(P1, P2).close(P2, 3).model();
    assert_eq!(open(&model, P1), [3, 4]);
    assert_eq!(open(&model, P2), [4]);
    assert!(alike(&model, (P1, 4), (P2, 4)));
    assert_eq!((model.readers(1), model.writers(1)), (1, 2));
}

#[test]
fn threads_share_the_table() {
    let model = Recording::with_pipe(0).thread(P1, P2).close(P2, 3).model();
    assert_eq!(open(&model, P1), [4]);
    assert_eq!(model.writers(1), 1);
}

#[test]
fn exec_closes_what_is_close_on_exec_and_no_more() {
    let model = Recording::with_pipe(O_CLOEXEC)
        .call(P1, "dup", &[Fd(4)], 5)
        .call(P1, "fcntl", &[Fd(4), Num(2), Num(0)], 0)
        .exec(P1, "/bin/cat")
        .model();
    assert_eq!(open(&model, P1), [4, 5]);
    assert_eq!((model.readers(1), model.writers(1)), (0, 2));
    assert_eq!(model.processes[&P1].name, "cat");
}

#[test]
fn status_flags_belong_to_the_description() {
    let model = Recording::with_pipe(0)
        .call(P1, "dup", &[Fd(4)], 5)
        .fork(P1, P2)
        .call(P2, "fcntl", &[Fd(5), Num(4), Num(O_NONBLOCK as i64)], 0)
        .model();
    assert_eq!(model.description(P1, 4).map(|end| end.flags), Some(O_NONBLOCK | 1));
    assert_eq!(model.description(P1, 3).map(|end| end.flags), Some(0));
}

#[test]
fn a_call_that_failed_has_changed_nothing() {
    let model = Recording::with_pipe(0)
        .fails(P1, "dup2", &[Fd(3), Fd(4)], "EBUSY")
        .fails(P1, "fcntl", &[Fd(3), Num(2), Num(1)], "EINVAL")
        .fails(P1, "close", &[Fd(9)], "EBADF")
        .fails(P1, "write", &[Fd(4), said("hello"), Num(5)], "EAGAIN")
        .model();
    assert_eq!(model.kind(P1, 4), Some(&Kind::WriteEnd(1)));
    assert!(cloexec(&model, P1).is_empty());
    assert_eq!(model.queued(trace::model::Place::Pipe(1)), 0);
}

#[test]
fn close_lets_go_even_where_it_fails() {
    let model = Recording::with_pipe(0).fails(P1, "close", &[Fd(3)], "EIO").model();
    assert_eq!(open(&model, P1), [4]);
}

#[test]
fn a_range_is_closed_or_marked() {
    let range = |first: i64, flags| [Num(first), Num(i64::from(u32::MAX)), Flags(flags)];
    let pipes = || Recording::with_pipe(0).pipe(P1, 5, 6, 0);
    let model = pipes().call(P1, "close_range", &range(4, 0), 0).model();
    assert_eq!(open(&model, P1), [3]);
    let model = pipes().call(P1, "close_range", &range(4, 4), 0).model();
    assert_eq!(open(&model, P1), [3, 4, 5, 6]);
    assert_eq!(cloexec(&model, P1), [4, 5, 6]);
    let model = pipes().thread(P1, P2).call(P2, "close_range", &range(4, 2), 0).model();
    assert_eq!((open(&model, P1), open(&model, P2)), (vec![3, 4, 5, 6], vec![3]));
}

#[test]
fn what_is_opened_has_its_kind_and_flags() {
    let path = || Argument::Path("/etc/hosts".into());
    let model = Recording::new()
        .call(P1, "openat", &[Num(-100), path(), Flags(O_CLOEXEC | 0o2001), Num(0)], 3)
        .call(P1, "eventfd2", &[Num(0), Flags(O_CLOEXEC)], 4)
        .call(P1, "epoll_create1", &[Flags(O_CLOEXEC)], 5)
        .call(P1, "signalfd4", &[Num(-1), Argument::Signals(vec![17]), Num(8), Flags(0)], 6)
        .call(P1, "timerfd_create", &[Num(1), Flags(0)], 7)
        .call(P1, "memfd_create", &[Argument::Path("notes".into()), Flags(1)], 8)
        .fork(P1, P2)
        .call(P1, "pidfd_open", &[Argument::Task(P2), Flags(0)], 9)
        .call(P1, "socket", &[Num(2), Flags(1 | O_NONBLOCK), Num(0)], 10)
        .model();
    assert_eq!(model.kind(P1, 3), Some(&Kind::File("/etc/hosts".into())));
    assert_eq!(model.description(P1, 3).map(|file| file.flags), Some(0o2001));
    assert_eq!(model.kind(P1, 4), Some(&Kind::EventFd(1)));
    assert_eq!(model.kind(P1, 5), Some(&Kind::Epoll));
    assert_eq!(model.kind(P1, 6), Some(&Kind::SignalFd));
    assert_eq!(model.kind(P1, 7), Some(&Kind::TimerFd));
    assert_eq!(model.kind(P1, 9), Some(&Kind::PidFd(Some(P2))));
    assert_eq!(model.kind(P1, 10), Some(&Kind::Socket(1)));
    assert_eq!(cloexec(&model, P1), [3, 4, 5, 8, 9]);
}

#[test]
fn a_number_that_is_open_is_not_given_again() {
    let complaint = Recording::with_pipe(0).call(P1, "dup", &[Fd(3)], 4).complaint();
    assert!(complaint.contains("expected another number than 4"), "{complaint}");
}

#[test]
fn a_number_may_be_given_again_before_the_close_of_another_thread_has_returned() {
    let model = Recording::with_pipe(0)
        .thread(P1, P2)
        .enter(P1, "close", &[Fd(3)])
        .call(P2, "dup", &[Fd(4)], 3)
        .leave(P1, "close", &[Fd(3)], Outcome::Value(0))
        .model();
    assert_eq!(model.kind(P1, 3), Some(&Kind::WriteEnd(1)));
}

fn passing() -> Recording {
    let pair = [Num(1), Flags(1), Num(0), Argument::Descriptors(vec![5, 6])];
    let message = [Fd(5), said("x"), Flags(0), Argument::Passed(vec![4])];
    Recording::with_pipe(0)
        .call(P1, "socketpair", &pair, 0)
        .fork(P1, P2)
        .close(P2, 4)
        .call(P1, "sendmsg", &message, 1)
        .close(P1, 4)
}

#[test]
fn a_descriptor_in_a_message_keeps_the_pipe_open() {
    assert_eq!(passing().model().holders(&Kind::WriteEnd(1)), [Holder::InFlight(2)]);
}

#[test]
fn a_descriptor_that_arrives_leads_where_it_led_for_the_sender() {
    let arrives = [Fd(6), said("x"), Flags(0x4000_0000), Argument::Passed(vec![7])];
    let model = passing().call(P2, "recvmsg", &arrives, 1).model();
    assert_eq!(model.holders(&Kind::WriteEnd(1)), [Holder::Descriptor(P2, 7)]);
    assert_eq!(cloexec(&model, P2), [7]);
}

#[test]
fn who_looks_at_a_message_gets_its_descriptors_too_and_leaves_it_there() {
    let arrives = |fd, flags| [Fd(6), said("x"), Flags(flags), Argument::Passed(vec![fd])];
    let looks = passing().call(P2, "recvmsg", &arrives(7, 2), 1);
    let holders = [Holder::Descriptor(P2, 7), Holder::InFlight(2)];
    assert_eq!(looks.model().holders(&Kind::WriteEnd(1)), holders);
    let takes = looks.call(P2, "recvmsg", &arrives(8, 0), 1).model();
    assert_eq!(takes.holders(&Kind::WriteEnd(1)), [7, 8].map(|fd| Holder::Descriptor(P2, fd)));
}

#[test]
fn a_pipe_that_is_opened_by_its_descriptors_path_is_the_same_pipe() {
    let opens =
        |path: &str, flags| [Fd(-100), Argument::Path(path.into()), Flags(flags), Argument::Opaque];
    let model = Recording::with_pipe(0)
        .call(P1, "dup2", &[Fd(3), Fd(0)], 0)
        .call(P1, "openat", &opens("/dev/stdin", 0), 5)
        .call(P1, "openat", &opens("/dev/fd/4", 1), 6)
        .call(P1, "openat", &opens("/proc/self/fd/3", 2), 7)
        .model();
    assert_eq!(
        [5, 6, 7].map(|fd| model.kind(P1, fd).cloned()),
        [Some(Kind::ReadEnd(1)), Some(Kind::WriteEnd(1)), Some(Kind::BothEnds(1)),]
    );
    // It is another description, with flags of its own.
    assert_ne!(
        model.slot(P1, 5).map(|slot| slot.description),
        model.slot(P1, 3).map(|slot| slot.description)
    );
}

#[test]
fn a_semaphore_is_no_access_mode_of_an_eventfd() {
    let made = Recording::new().call(P1, "eventfd2", &[Num(3), Flags(O_NONBLOCK | 1)], 3).model();
    assert_eq!(made.description(P1, 3).map(|made| made.flags), Some(O_NONBLOCK | 2));
}

#[test]
fn a_descriptor_that_was_not_sent_does_not_arrive() {
    let arrives = [Fd(6), said("x"), Flags(0), Argument::Passed(vec![7])];
    let failed = [Fd(5), said("x"), Flags(0), Argument::Passed(vec![3])];
    let complaint = passing()
        .call(P2, "recvmsg", &arrives, 1)
        .fails(P1, "sendmsg", &failed, "EAGAIN")
        .write(P1, 5, "y")
        .call(P2, "recvmsg", &arrives, 1)
        .complaint();
    assert!(complaint.contains("sent before they are received"), "{complaint}");
}

#[test]
fn proc_tells_what_the_model_has_wrong_and_the_model_takes_it_over() {
    let usual = [(0, "/dev/null", 1, false, 0), (1, "pipe:[1]", 2, false, 1)];
    let mut recording = Recording::new().descriptors(P1, &usual).pipe(P1, 3, 4, O_CLOEXEC);
    let ends = [(3, "pipe:[2]", 3, true, 0), (4, "pipe:[2]", 4, true, 1)];
    let same = [usual.as_slice(), ends.as_slice()].concat();
    assert_eq!(recording.model().compare(P1, &rows(&same)), Vec::<String>::new());

    let other =
        [usual[0], usual[1], ends[0], (4, "pipe:[2]", 4, false, 0o4001), (5, "/x", 5, false, 0)];
    recording = recording.descriptors(P1, &same).descriptors(P1, &other);
    let mut model = trace::Model::new();
    let steps: Vec<_> = recording.0.iter().filter_map(|event| model.apply(event).ok()).collect();
    let said: Vec<String> = steps[steps.len() - 1]
        .changes
        .iter()
        .filter_map(|change| match change {
            Change::Differs(what) => Some(what.clone()),
            _ => None,
        })
        .collect();
    assert_eq!(
        said,
        [
            "descriptor 4 is not close-on-exec; the model has it so",
            "descriptor 4 has the flags 0o4001, not 0o1",
            "descriptor 5 is open (/x); the model has it closed",
        ]
    );
    assert_eq!(model.compare(P1, &rows(&other)), Vec::<String>::new());
}

#[test]
fn two_descriptions_are_not_taken_for_one() {
    let table = [(0, "/dev/null", 1, false, 0)];
    let copied = Recording::new().descriptors(P1, &table).call(P1, "dup", &[Fd(0)], 3);
    let opened_twice = [(0, "/dev/null", 1, false, 0), (3, "/dev/null", 2, false, 0)];
    let said = copied.model().compare(P1, &rows(&opened_twice));
    assert_eq!(said, ["descriptor 3 leads to open file description 2; the model has another one"]);
}
