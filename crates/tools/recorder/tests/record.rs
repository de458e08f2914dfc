//! What is told of a program, and in which order.

mod common;

use std::process::Command;

use common::{P1, P2, P3, recorded, recorded_with};
use story::Started;
use trace::Argument;
use trace::event::{Disposition, Outcome, Status, What};

fn delivered(signal: i32, disposition: Disposition) -> What {
    What::Delivered { signal, disposition }
}

#[test]
fn a_pipe_has_its_write_before_the_read_that_it_wakes() {
    let recorded = recorded("pipe");
    assert_eq!((recorded.code, recorded.stderr.as_str()), (Some(0), ""));
    let sleeps = recorded.exactly(P1, What::Sleeps);
    let writes = recorded.leaves(P2, "write");
    let reads = recorded.leaves(P1, "read");
    assert!(sleeps < writes && writes < reads, "{}", recorded.text);
    let What::Leave { arguments, result, .. } = &recorded.events[reads].what else {
        unreachable!()
    };
    assert_eq!(arguments[1], Argument::Bytes("hello".into(), 5));
    assert_eq!(*result, Outcome::Value(5));
}

#[test]
fn a_child_is_born_inside_its_parents_fork_and_reaped_after_its_end() {
    let recorded = recorded("pipe");
    let born = recorded.exactly(
        P2,
        What::Born {
            parent: P1,
            process: P2,
            shares_files: false,
            maker_waits: false,
            sibling: false,
        },
    );
    assert!(born < recorded.leaves(P1, "fork"));
    let ended = recorded.exactly(P2, What::Ended { status: Status::Code(0) });
    let chld = recorded.exactly(P1, What::Signalled { signal: libc::SIGCHLD, by: None });
    let reaped = recorded.exactly(P2, What::Reaped { by: Some(P1) });
    assert!(ended < chld && ended < reaped, "{}", recorded.text);
}

#[test]
fn the_exit_status_is_the_programs_own() {
    assert_eq!(recorded_with(&[], &["exit", "7"]).code, Some(7));
    assert_eq!(recorded("kill-self").code, Some(128 + libc::SIGKILL));
}

#[test]
fn a_program_that_cannot_be_executed_is_named() {
    for (program, why) in [("/no/such", "No such file"), ("/etc/passwd", "Permission denied")] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_recorder"));
        command.args(["run", "--", program]);
        let (status, stdout, stderr) = Started::command(command).finish();
        assert_eq!((status.code(), stdout.as_str()), (Some(125), ""));
        assert!(stderr.contains(&format!("cannot run {program}: {why}")), "{stderr}");
    }
}

#[test]
fn a_signal_interrupts_a_call_and_its_handler_returns() {
    let recorded = recorded("handler");
    let sent = recorded.exactly(P1, What::Signalled { signal: libc::SIGUSR1, by: Some(P2) });
    let interrupted =
        recorded.at(P1, |what| matches!(what, What::Leave { result: Outcome::Interrupted, .. }));
    let delivered = recorded.exactly(P1, delivered(libc::SIGUSR1, Disposition::Handler));
    let returns = recorded.exactly(P1, What::HandlerReturns);
    let order = [recorded.leaves(P2, "kill"), sent, interrupted, delivered, returns];
    assert!(order.is_sorted(), "{order:?} {}", recorded.text);
}

#[test]
fn a_maker_by_vfork_waits_until_its_child_execs() {
    let recorded = recorded("vfork");
    assert!(matches!(
        recorded.events[recorded.at(P2, |what| matches!(what, What::Born { .. }))].what,
        What::Born { maker_waits: true, .. }
    ));
    let exec = recorded.at(P2, |what| matches!(what, What::Exec { .. }));
    assert!(recorded.exactly(P1, What::Sleeps) < exec && exec < recorded.leaves(P1, "vfork"));
}

#[test]
fn a_makers_pidfd_is_there_before_its_call_returns() {
    for policy in ["run-to-block", "child-first", "free"] {
        let recorded = recorded_with(&["--check", "--policy", policy], &["with-pidfd"]);
        assert_eq!(recorded.code, Some(0), "{policy}: {}", recorded.stderr);
        let told = recorded.exactly(P1, What::Pidfd { number: 3, of: P2 });
        assert!(told < recorded.leaves(P1, "fork"), "{policy}");
        recorded.exactly(P1, What::Pidfd { number: 3, of: P3 });
        // In free order, it may have ended before the call that has killed it returns.
        recorded.exactly(P2, What::Signalled { signal: libc::SIGKILL, by: Some(P1) });
    }
}

#[test]
fn a_pipe_may_be_opened_by_its_descriptors_path() {
    for program in ["opens-its-own", "opens-its-own-by-id"] {
        let recorded = recorded_with(&["--check"], &[program]);
        assert_eq!(recorded.code, Some(0), "{program}: {}", recorded.stderr);
    }
}

#[test]
fn a_descriptor_is_known_whichever_call_gives_it() {
    let [first, again] = [(); 2].map(|()| recorded_with(&["--check"], &["opens-rarely"]));
    assert_eq!(first.code, Some(0), "{}", first.stderr);
    assert_eq!(first.text, again.text);
}

#[test]
fn who_is_made_with_its_maker_s_parent_is_that_one_s_child() {
    for policy in ["run-to-block", "child-first", "parent-first", "free"] {
        let recorded = recorded_with(&["--check", "--policy", policy], &["sibling"]);
        assert_eq!(recorded.code, Some(0), "{policy}: {}", recorded.stderr);
        recorded.at(P3, |what| matches!(what, What::Born { parent: P2, sibling: true, .. }));
        recorded.exactly(P3, What::Reaped { by: Some(P1) });
    }
}

#[test]
fn in_free_order_a_program_that_a_thread_has_begun_is_held_against_proc() {
    let recorded = recorded_with(&["--check", "--policy", "free"], &["exec-in-thread"]);
    assert_eq!(recorded.code, Some(4));
    let exec = recorded.at(P2, |what| matches!(what, What::Exec { .. }));
    let tables = recorded.all(|what| matches!(what, What::Descriptors { .. }));
    // One as soon as it is there, and one when it calls.
    assert_eq!(tables.iter().filter(|&&at| at > exec).count(), 2, "{}", recorded.text);
}

#[test]
fn a_thread_belongs_to_its_process_and_shares_its_descriptors() {
    let recorded = recorded("threads");
    recorded.exactly(
        P2,
        What::Born {
            parent: P1,
            process: P1,
            shares_files: true,
            maker_waits: false,
            sibling: false,
        },
    );
    assert!(recorded.all(|what| matches!(what, What::Reaped { .. })).is_empty());
}

#[test]
fn exec_in_a_thread_ends_the_first_one() {
    let recorded = recorded("exec-in-thread");
    assert_eq!(recorded.code, Some(4));
    let ended = recorded.exactly(P1, What::Ended { status: Status::Code(0) });
    let exec = recorded.at(P2, |what| matches!(what, What::Exec { .. }));
    assert!(ended < exec && exec < recorded.exactly(P2, What::Ended { status: Status::Code(4) }));
}

#[test]
fn who_has_called_exec_in_a_thread_is_the_first_one_from_then_on() {
    for program in ["exec-outlived", "exec-outlives"] {
        for policy in ["run-to-block", "child-first", "free"] {
            let recorded = recorded_with(&["--check", "--policy", policy], &[program]);
            assert_eq!(recorded.code, Some(3), "{program}, {policy}: {}", recorded.stderr);
        }
    }
    let outlived = recorded("exec-outlived");
    let ended = |task| outlived.at(task, |what| matches!(what, What::Ended { .. }));
    assert!(
        ended(P2) < outlived.leaves(P3, "getppid") && outlived.leaves(P3, "getppid") < ended(P3)
    );
}

#[test]
fn a_real_time_signal_sent_twice_comes_twice() {
    let recorded = recorded("real-time");
    let signal = libc::SIGRTMIN() + 3;
    let sent = What::Signalled { signal, by: Some(P1) };
    assert_eq!(recorded.all(|what| *what == sent).len(), 2, "{}", recorded.text);
    let comes = delivered(signal, Disposition::Handler);
    assert_eq!(recorded.all(|what| *what == comes).len(), 2);
}

#[test]
fn a_stopped_process_goes_on_with_sigcont() {
    let recorded = recorded("stop");
    assert_eq!(recorded.code, Some(0), "{}", recorded.stderr);
    let stopped = recorded.exactly(P2, What::Stopped { signal: libc::SIGSTOP });
    let continued = recorded.exactly(P2, What::Continued);
    let told = recorded.leaves(P1, "wait4");
    let order = [stopped, told, recorded.leaves(P1, "kill"), continued];
    assert!(order.is_sorted(), "{order:?} {}", recorded.text);
}

#[test]
fn an_orphan_lives_on_and_is_reaped_by_nobody_here() {
    let recorded = recorded("orphan");
    let order = [
        recorded.exactly(P2, What::Reaped { by: Some(P1) }),
        recorded.at(P3, |what| matches!(what, What::Ended { .. })),
        recorded.exactly(P3, What::Reaped { by: None }),
    ];
    assert!(order.is_sorted(), "{order:?} {}", recorded.text);
}

#[test]
fn the_kernel_reaps_the_children_of_who_ignores_them() {
    let recorded = recorded("ignore-children");
    let reaped = recorded.exactly(P2, What::Reaped { by: None });
    assert!(reaped < recorded.leaves(P1, "wait4"));
}

#[test]
fn each_signal_that_stops_is_told_and_so_is_its_end() {
    let recorded = recorded("stops");
    assert_eq!(recorded.code, Some(0), "{}", recorded.stderr);
    let stops = [libc::SIGSTOP, libc::SIGTSTP, libc::SIGTTIN, libc::SIGTTOU];
    for (child, signal) in (2..).map(trace::Task).zip(stops) {
        let order = [
            recorded.exactly(child, What::Stopped { signal }),
            recorded.exactly(child, What::Signalled { signal: libc::SIGCONT, by: Some(P1) }),
            recorded.exactly(child, What::Continued),
            recorded.exactly(child, What::Ended { status: Status::Code(0) }),
            recorded.exactly(child, What::Reaped { by: Some(P1) }),
        ];
        assert!(order.is_sorted(), "{order:?} {}", recorded.text);
    }
}

#[test]
fn with_sa_nocldwait_the_signal_comes_and_nobody_reaps() {
    let recorded = recorded("no-zombies");
    assert_eq!(recorded.code, Some(0), "{}", recorded.stderr);
    let ended = recorded.exactly(P2, What::Ended { status: Status::Code(0) });
    let reaped = recorded.exactly(P2, What::Reaped { by: None });
    let comes = recorded.exactly(P1, delivered(libc::SIGCHLD, Disposition::Handler));
    assert!(ended < reaped && ended < comes, "{}", recorded.text);
}

#[test]
fn a_descriptor_in_a_message_is_sent_before_it_is_received() {
    let recorded = recorded("passes");
    assert_eq!(recorded.code, Some(0), "{}", recorded.stderr);
    let passed = |task, call: &str| {
        let at = recorded.leaves(task, call);
        let What::Leave { arguments, .. } = &recorded.events[at].what else { unreachable!() };
        let is_passed =
            |argument: &Argument| matches!(argument, Argument::Passed(p) if p.len() == 1);
        assert!(arguments.iter().any(is_passed), "{}", recorded.text);
        at
    };
    let order = [passed(P1, "sendmsg"), passed(P2, "recvmsg"), recorded.leaves(P2, "write")];
    assert!(order.is_sorted() && order[2] < recorded.leaves(P1, "read"), "{}", recorded.text);
}

#[test]
fn with_sa_restart_the_interrupted_call_begins_again() {
    let recorded = recorded("handler");
    let reads = |is: &dyn Fn(&Outcome) -> bool| {
        recorded.all(
            |what| matches!(what, What::Leave { name, result, .. } if name == "read" && is(result)),
        )
    };
    let interrupted = reads(&|result| *result == Outcome::Interrupted);
    let returns = recorded.all(|what| *what == What::HandlerReturns);
    let [once, again] = interrupted[..] else { panic!("{}", recorded.text) };
    // Without the flag the program goes on with EINTR; with it, the call that follows the handler is the same one.
    let next = |after: usize| {
        let mut enters = recorded.all(|what| matches!(what, What::Enter { .. })).into_iter();
        let at = enters.find(|&at| at > after && recorded.events[at].task == P1);
        at.and_then(|at| match &recorded.events[at].what {
            What::Enter { name, .. } => Some(name.as_str()),
            _ => None,
        })
    };
    assert!(once < returns[0] && again < returns[1], "{}", recorded.text);
    assert_ne!(next(returns[0]), Some("read"));
    assert_eq!(next(returns[1]), Some("read"));
}

#[test]
fn a_signal_to_a_group_comes_to_each_of_it() {
    let recorded = recorded("group");
    assert_eq!(recorded.code, Some(0), "{}", recorded.stderr);
    for child in [P2, P3] {
        let order = [
            recorded.exactly(child, What::Signalled { signal: libc::SIGTERM, by: Some(P1) }),
            recorded.exactly(child, delivered(libc::SIGTERM, Disposition::Default)),
            recorded.exactly(child, What::Ended { status: Status::Signal(libc::SIGTERM) }),
            recorded.exactly(child, What::Reaped { by: Some(P1) }),
        ];
        assert!(order.is_sorted(), "{order:?} {}", recorded.text);
    }
}
