//! What contradicts itself is told, and nothing else.

mod common;

use common::{O_CLOEXEC, P1, P2, P3, Recording};
use trace::Argument::{Descriptor as Fd, Flags, Number as Num};
use trace::event::{Disposition, Status, What};
use trace::{Argument, check};

fn contradictions(recording: &Recording) -> Vec<String> {
    check(&recording.0).iter().map(ToString::to_string).collect()
}

const USUAL: (i32, &str, u32, bool, u32) = (0, "/dev/null", 1, false, 0);

#[test]
fn a_recording_that_holds_together_has_no_contradiction() {
    let ends = [USUAL, (3, "pipe:[1]", 2, true, 0), (4, "pipe:[1]", 3, true, 1)];
    let recording = Recording::new()
        .descriptors(P1, &[USUAL])
        .pipe(P1, 3, 4, O_CLOEXEC)
        .descriptors(P1, &ends)
        .fork(P1, P2)
        .descriptors(P1, &ends)
        .descriptors(P2, &ends);
    assert_eq!(contradictions(&recording), Vec::<String>::new());
}

#[test]
fn descriptions_that_fork_shares_are_compared_across_processes() {
    let ends = |first| [USUAL, (3, "pipe:[1]", first, false, 0), (4, "pipe:[1]", 3, false, 1)];
    let recording = Recording::new()
        .descriptors(P1, &[USUAL])
        .pipe(P1, 3, 4, 0)
        .fork(P1, P2)
        .descriptors(P1, &ends(2))
        .descriptors(P2, &ends(9));
    let told = contradictions(&recording);
    assert!(matches!(&told[..], [one] if one.contains("P2: descriptor 3 leads to")), "{told:?}");
}

#[test]
fn descriptions_are_numbered_anew_in_each_moment() {
    let recording = Recording::new()
        .descriptors(P1, &[USUAL])
        .pipe(P1, 3, 4, 0)
        .descriptors(P1, &[USUAL, (3, "pipe:[1]", 2, false, 0), (4, "pipe:[1]", 3, false, 1)])
        .close(P1, 0)
        .descriptors(P1, &[(3, "pipe:[1]", 1, false, 0), (4, "pipe:[1]", 2, false, 1)]);
    assert_eq!(contradictions(&recording), Vec::<String>::new());
}

#[test]
fn bytes_that_nobody_wrote_are_a_contradiction() {
    let bytes = Argument::Bytes("hello".into(), 5);
    let recording = Recording::with_pipe(0).call(P1, "read", &[Fd(3), bytes, Num(9)], 5);
    let told = contradictions(&recording);
    assert!(matches!(&told[..], [one] if one.contains("at most 0 bytes from pipe 1")), "{told:?}");
}

#[test]
fn a_table_of_ones_own_no_longer_changes_with_anothers() {
    const CLONE_FILES: u64 = 0x400;
    let recording = |shared: bool| {
        let all = [USUAL, (3, "pipe:[1]", 2, false, 0), (4, "pipe:[1]", 3, false, 1)];
        let threads = Recording::new().descriptors(P1, &[USUAL]).pipe(P1, 3, 4, 0).thread(P1, P2);
        let flags = [Flags(if shared { 0 } else { CLONE_FILES })];
        let apart = threads.call(P2, "unshare", &flags, 0).close(P2, 3);
        apart.descriptors(P1, &all).descriptors(P2, &[all[0], all[2]])
    };
    assert_eq!(contradictions(&recording(false)), Vec::<String>::new());
    assert_eq!(contradictions(&recording(true)).len(), 2);
}

#[test]
fn in_free_order_another_one_may_have_changed_the_flags_of_what_both_have() {
    const O_NONBLOCK: u32 = 0o4000;
    let changed = |recording: Recording| {
        let read_end = (3, "pipe:[1]", 2, false, O_NONBLOCK);
        recording.descriptors(P1, &[USUAL, read_end, (4, "pipe:[1]", 3, false, 1)])
    };
    let alone = || Recording::new().descriptors(P1, &[USUAL]).pipe(P1, 3, 4, 0);
    assert_eq!(contradictions(&changed(alone())).len(), 1);
    assert_eq!(contradictions(&changed(alone().fork(P1, P2))), Vec::<String>::new());
    let mut chosen = alone().fork(P1, P2);
    if let What::Begin { policy, .. } = &mut chosen.0[0].what {
        *policy = "run-to-block".into();
    }
    assert_eq!(contradictions(&changed(chosen)).len(), 1);
}

/// The kernel puts back what it was about to deliver to a thread that another one's exec ends.
#[test]
fn a_process_is_told_again_of_what_a_thread_was_to_take_that_has_ended_at_once() {
    let delivered = What::Delivered { signal: 17, disposition: Disposition::Default };
    let takes = |recording: Recording, task| {
        recording.signalled(task, 17, None).add(task, delivered.clone())
    };
    let once = || takes(Recording::new().thread(P1, P2).fork(P1, P3).exit(P3, 0), P2);
    let ended = once().add(P2, What::Ended { status: Status::Code(0) });
    assert_eq!(contradictions(&takes(ended, P1)), Vec::<String>::new());
    let went_on =
        once().call(P2, "getpid", &[], 1).add(P2, What::Ended { status: Status::Code(0) });
    assert_eq!(contradictions(&takes(went_on, P1)).len(), 1);
}
