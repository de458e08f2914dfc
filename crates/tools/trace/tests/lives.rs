//! What the model knows of how processes begin and end, and of signals.

mod common;

use common::*;
use trace::event::{Disposition, Outcome, Status};
use trace::model::{Kind, State};
use trace::{Argument, What};

const CHLD: i32 = 17;
const QUIT: i32 = 3;

#[test]
fn an_end_closes_all() {
    let model = Recording::with_pipe(0).fork(P1, P2).pipe(P2, 5, 6, 0).exit(P2, 0).model();
    assert_eq!((model.readers(1), model.writers(1)), (1, 1));
    // Nobody else has the second pipe: its ends are gone, not only out of reach.
    let mut left = model.descriptions.values().map(|description| &description.kind);
    assert!(!left.any(|kind| matches!(kind, Kind::ReadEnd(2) | Kind::WriteEnd(2))));
}

#[test]
fn one_thread_s_end_closes_nothing() {
    let model = Recording::with_pipe(0).thread(P1, P2).exit(P2, 0).model();
    assert_eq!((model.readers(1), model.writers(1)), (1, 1));
    assert_eq!(model.state(P2), Some(State::Reaped(Status::Code(0))));
}

#[test]
fn a_process_is_a_zombie_until_it_is_reaped() {
    let ended = || Recording::new().fork(P1, P2).exit(P2, 3);
    assert_eq!(ended().model().state(P2), Some(State::Zombie(Status::Code(3))));
    let reaped = ended().waits(P1).reaps(P1, P2, 3);
    assert_eq!(reaped.model().state(P2), Some(State::Reaped(Status::Code(3))));
}

#[test]
fn nobody_is_reaped_who_has_not_ended_nor_twice_nor_by_a_stranger() {
    let alive = Recording::new().fork(P1, P2).waits(P1).reaps(P1, P2, 0);
    assert!(alive.complaint().contains("expected P2 to end before it is reaped"));
    let reap = |by| What::Reaped { by: Some(by) };
    let twice = Recording::new().fork(P1, P2).exit(P2, 0).add(P2, reap(P1)).add(P2, reap(P1));
    assert!(twice.complaint().contains("expected P2 to be reaped once"));
    let sibling = Recording::new().fork(P1, P2).fork(P1, P3).exit(P2, 0).add(P2, reap(P3));
    assert!(sibling.complaint().contains("expected P1, its parent, to reap P2"));
}

#[test]
fn wait_tells_the_status_of_the_end() {
    let other = Recording::new().fork(P1, P2).exit(P2, 3).waits(P1).reaps(P1, P2, 4);
    assert!(other.complaint().contains("expected P2 to have ended by"));
}

#[test]
fn nobody_acts_after_the_end_or_before_the_birth() {
    let after = Recording::with_pipe(0).fork(P1, P2).exit(P2, 0).close(P2, 3);
    assert!(after.complaint().contains("expected nothing more of a task that has ended"));
    let before = Recording::with_pipe(0).close(P2, 3);
    assert!(before.complaint().contains("expected that P2 was made before"));
}

#[test]
fn a_call_returns_once_and_after_it_began() {
    let returns = Recording::with_pipe(0).leave(P1, "close", &[Fd(3)], Outcome::Value(0));
    assert!(returns.complaint().contains("expected close to begin before it returns"));
    let begins = Recording::with_pipe(0).enter(P1, "pause", &[]).enter(P1, "close", &[Fd(3)]);
    assert!(begins.complaint().contains("expected pause to return before close begins"));
}

#[test]
fn states_follow_the_recorder_and_a_call_that_returns_says_that_its_task_runs() {
    let sleeping = || Recording::with_pipe(0).fork(P1, P2).reads(P1, 3);
    assert_eq!(sleeping().model().state(P1), Some(State::Sleeping));
    let held = sleeping().write(P2, 4, "x").add(P1, What::Held);
    assert_eq!(held.model().state(P1), Some(State::Held));
    assert_eq!(held.got(P1, 3, "x").model().state(P1), Some(State::Running));
}

#[test]
fn a_process_stops_as_a_whole_and_goes_on() {
    let stopped = Recording::new().thread(P1, P2).add(P1, What::Stopped { signal: 19 });
    assert_eq!(stopped.model().state(P2), Some(State::Stopped(19)));
    let goes_on = stopped.add(P1, What::Continued);
    assert_eq!(goes_on.model().state(P2), Some(State::Running));
}

#[test]
fn vfork_holds_its_caller_until_the_child_execs_or_ends() {
    let vfork = || {
        let (parent, process) = (P1, P2);
        Recording::new()
            .enter(P1, "vfork", &[])
            .add(
                P2,
                What::Born {
                    parent,
                    process,
                    shares_files: false,
                    maker_waits: true,
                    sibling: false,
                },
            )
            .sleeps(P1)
    };
    let waits = |recording: Recording| {
        let model = recording.model();
        model.threads[&P1].call.as_ref().is_some_and(|call| call.waits_for_made)
    };
    assert!(waits(vfork()));
    assert!(!waits(vfork().exec(P2, "/bin/true")));
    assert!(!waits(vfork().exit(P2, 1)));
}

#[test]
fn exec_leaves_one_thread() {
    let model = Recording::with_pipe(0).thread(P1, P2).exec(P2, "/bin/true").model();
    assert_eq!(model.threads_of(P1).collect::<Vec<_>>(), [P2]);
    assert_eq!(model.processes[&P1].name, "true");
}

#[test]
fn a_subreaper_adopts_orphans() {
    let prctl = [Num(36), Num(1), Argument::Opaque, Argument::Opaque, Argument::Opaque];
    let orphan = |begin: Recording| begin.fork(P1, P2).fork(P2, P3).exit(P2, 0).model();
    let model = orphan(Recording::new().call(P1, "prctl", &prctl, 0));
    assert_eq!(model.processes[&P3].parent, Some(P1));
    assert_eq!(orphan(Recording::new()).processes[&P3].parent, None);
}

#[test]
fn a_handler_runs_with_its_mask_and_puts_the_old_one_back() {
    let runs = || Recording::new().sets_handler(P1, 10, &[12]).handled(P1, 10);
    let model = runs().model();
    assert_eq!(model.state(P1), Some(State::InHandler(vec![10])));
    assert_eq!(model.threads[&P1].mask.iter().copied().collect::<Vec<_>>(), [10, 12]);
    let model = runs().add(P1, What::HandlerReturns).model();
    assert_eq!(model.state(P1), Some(State::Running));
    assert!(model.threads[&P1].mask.is_empty());
}

#[test]
fn handlers_nest() {
    let model = Recording::new().sets_handler(P1, 10, &[]).handled(P1, 10).handled(P1, 12).model();
    assert_eq!(model.state(P1), Some(State::InHandler(vec![10, 12])));
}

#[test]
fn a_handler_returns_only_after_it_began() {
    let complaint = Recording::new().add(P1, What::HandlerReturns).complaint();
    assert!(complaint.contains("expected a handler to run before it returns"));
}

#[test]
fn the_mask_is_added_to_taken_from_and_set() {
    let mask = |how, set: &[i32]| [Num(how), Argument::Signals(set.to_vec()), Argument::Null];
    let set = |model: trace::Model| model.threads[&P1].mask.iter().copied().collect::<Vec<_>>();
    let block = || Recording::new().call(P1, "rt_sigprocmask", &mask(0, &[10, 12]), 0);
    assert_eq!(set(block().model()), [10, 12]);
    assert_eq!(set(block().call(P1, "rt_sigprocmask", &mask(1, &[10]), 0).model()), [12]);
    assert_eq!(set(block().call(P1, "rt_sigprocmask", &mask(2, &[15]), 0).model()), [15]);
    let asked = [Num(0), Argument::Null, Argument::Signals(vec![10, 12])];
    assert_eq!(set(block().call(P1, "rt_sigprocmask", &asked, 0).model()), [10, 12]);
}

#[test]
fn fork_keeps_mask_and_handlers_and_not_what_is_pending() {
    let mask = [Num(0), Argument::Signals(vec![10]), Argument::Null];
    let model = Recording::new()
        .sets_handler(P1, 12, &[])
        .call(P1, "rt_sigprocmask", &mask, 0)
        .signalled(P1, 10, None)
        .fork(P1, P2)
        .model();
    assert_eq!(model.threads[&P1].pending, [(10, None)]);
    assert!(model.threads[&P2].pending.is_empty());
    assert!(model.threads[&P2].mask.contains(&10));
    assert_eq!(model.disposition(P2, 12), Disposition::Handler);
}

#[test]
fn exec_resets_handlers_and_keeps_what_is_ignored_and_blocked() {
    let ignore = Argument::Action(Disposition::Ignore, false, vec![]);
    let mask = [Num(0), Argument::Signals(vec![10]), Argument::Null];
    let model = Recording::new()
        .sets_handler(P1, 12, &[])
        .call(P1, "rt_sigaction", &[Argument::Signal(13), ignore, Argument::Null], 0)
        .call(P1, "rt_sigprocmask", &mask, 0)
        .exec(P1, "/bin/true")
        .model();
    assert_eq!(model.disposition(P1, 12), Disposition::Default);
    assert_eq!(model.disposition(P1, 13), Disposition::Ignore);
    assert!(model.threads[&P1].mask.contains(&10));
}

#[test]
fn one_of_several_equal_signals_waits_and_each_real_time_signal_does() {
    let sent = |signal| {
        let by = Some(P1);
        Recording::new().fork(P1, P2).signalled(P2, signal, by).signalled(P2, signal, by).model()
    };
    assert_eq!(sent(10).threads[&P2].pending.len(), 1);
    assert_eq!(sent(34).threads[&P2].pending.len(), 2);
}

#[test]
fn a_signal_that_has_come_through_is_not_pending() {
    let model = Recording::new().signalled(P1, 10, None).handled(P1, 10).model();
    assert!(model.threads[&P1].pending.is_empty());
}

#[test]
fn sigchld_tells_of_a_child_only_after_it_ended() {
    let early = Recording::new().fork(P1, P2).signalled(P1, CHLD, None);
    assert!(early.complaint().contains("before SIGCHLD tells of it"));
    let unannounced = Recording::new().fork(P1, P2).handled(P1, CHLD);
    assert!(unannounced.complaint().contains("before SIGCHLD tells of it"));
    let twice = Recording::new().fork(P1, P2).exit(P2, 0).handled(P1, CHLD).handled(P1, CHLD);
    assert!(twice.complaint().contains("before SIGCHLD tells of it"));
    Recording::new().fork(P1, P2).exit(P2, 0).signalled(P1, CHLD, None).handled(P1, CHLD).model();
    Recording::new().fork(P1, P2).signalled(P1, CHLD, Some(P2)).handled(P1, CHLD).model();
}

#[test]
fn a_signalfd_takes_what_is_pending() {
    let signals = Argument::Signals(vec![CHLD, 10]);
    let model = Recording::new()
        .call(P1, "signalfd4", &[Num(-1), signals, Num(8), Flags(0)], 3)
        .signalled(P1, 10, None)
        .signalled(P1, 12, None)
        .call(P1, "read", &[Fd(3), Argument::Bytes(String::new(), 128), Num(128)], 128)
        .model();
    assert_eq!(model.threads[&P1].pending, [(12, None)]);
}

/// A process that blocks SIGQUIT and has a handler for it, and then sleeps with an empty mask.
fn suspended(call: &str, arguments: &[Argument]) -> Recording {
    let blocks = [Argument::Number(0), Argument::Signals(vec![QUIT]), Argument::Null];
    let action = Argument::Action(Disposition::Handler, false, vec![]);
    Recording::new()
        .call(P1, "rt_sigaction", &[Argument::Signal(QUIT), action, Argument::Null], 0)
        .call(P1, "rt_sigprocmask", &blocks, 0)
        .enter(P1, call, arguments)
        .sleeps(P1)
        .signalled(P1, QUIT, None)
}

#[test]
fn a_call_s_own_mask_counts_until_its_handler_has_returned() {
    let none = || Argument::Signals(vec![]);
    let select = [Num(0), Argument::Null, Argument::Null, Argument::Null, Argument::Null, none()];
    let poll = [Argument::Polled(vec![]), Num(0), Argument::Null, none()];
    let epoll = [Fd(3), Argument::Out, Num(1), Num(-1), none()];
    let calls: [(&str, &[Argument]); 4] = [
        ("rt_sigsuspend", &[none()]),
        ("ppoll", &poll),
        ("pselect6", &select),
        ("epoll_pwait", &epoll),
    ];
    for (call, arguments) in calls {
        let blocked = |recording: Recording| recording.model().threads[&P1].blocks(QUIT);
        let inside = || suspended(call, arguments);
        let interrupted = || inside().leave(P1, call, arguments, Outcome::Error("EINTR".into()));
        let handler = What::Delivered { signal: QUIT, disposition: Disposition::Handler };
        let handles = || interrupted().add(P1, handler.clone());
        assert!(!blocked(inside()), "{call} lets it in");
        assert!(!blocked(interrupted()), "{call} lets it in until the handler runs");
        assert!(blocked(handles()), "a handler blocks its own signal");
        assert!(blocked(handles().add(P1, What::HandlerReturns)), "{call}: the old mask is back");
        let returned = inside().leave(P1, call, arguments, Outcome::Value(0));
        assert!(blocked(returned), "{call} has returned");
    }
}
