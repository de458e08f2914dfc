//! The master's decisions, each as a fact. No process is made here, and no time passes.

use super::*;
use fork::Exit;

const TIMEOUT: Duration = Duration::from_secs(10);

fn seconds(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

fn pid(number: i32) -> Pid {
    Pid::from_raw(number)
}

/// A roster that wants `workers`, and has them: worker 0 is pid 100, worker 1 pid 101.
fn serving(workers: usize) -> Roster {
    let mut roster = Roster::new(workers, TIMEOUT, false);
    for slot in roster.children.missing(workers) {
        roster.children.insert(slot, pid(100 + slot as i32));
    }
    roster
}

fn signal(roster: &mut Roster, signal: Signal, at: f64) -> Vec<Action> {
    let mut actions = roster.decide(Event::Signal(signal), seconds(at));
    actions.retain(|action| !matches!(action, Action::Say(_)));
    actions
}

/// What follows when a child has ended; it leaves the table, as `reap_all` sees to.
fn ended(roster: &mut Roster, number: i32, ready: bool, at: f64) -> Vec<Action> {
    let slot = roster.children.remove(pid(number));
    let who = Reaped { pid: pid(number), slot, exit: Exit::Code(1) };
    roster.decide(Event::Ended { who, ready, request: "" }, seconds(at))
}

/// Ready workers that gave a sign of life at these times, by slot.
fn beats(at: &[f64]) -> Vec<Beat> {
    let beat = |(slot, &at)| Beat { slot, at: seconds(at), ready: true };
    at.iter().enumerate().map(beat).collect()
}

fn killed(actions: Vec<Action>) -> Vec<i32> {
    let victim = |action| match action {
        Action::Murder(_, pid, _) | Action::Kill(_, pid, SIGKILL) => Some(pid.as_raw()),
        _ => None,
    };
    actions.into_iter().filter_map(victim).collect()
}

#[test]
fn ttou_asks_the_highest_number_to_leave_and_stops_at_none() {
    let mut roster = serving(2);
    assert_eq!(signal(&mut roster, SIGTTOU, 0.0), [Action::Command(1, SIGQUIT)]);
    assert_eq!(signal(&mut roster, SIGTTOU, 0.0), [Action::Command(0, SIGQUIT)]);
    assert_eq!(signal(&mut roster, SIGTTOU, 0.0), []);
    assert_eq!(roster.wanted(seconds(0.0)), 0);
    signal(&mut roster, SIGTTIN, 0.0);
    assert_eq!(roster.wanted(seconds(0.0)), 1, "one up from none, not from below");
}

#[test]
fn ttin_wants_one_more_up_to_what_there_is_memory_for() {
    let mut roster = serving(1);
    signal(&mut roster, SIGTTIN, 0.0);
    assert_eq!(roster.children.missing(roster.wanted(seconds(0.0))), [1]);
    (0..2 * MOST_WORKERS).for_each(|_| drop(signal(&mut roster, SIGTTIN, 0.0)));
    assert_eq!(roster.wanted(seconds(0.0)), MOST_WORKERS);
}

#[test]
fn a_worker_is_asked_to_leave_once_and_its_successor_again() {
    let mut roster = serving(1);
    let reloaded = Event::Reloaded { workers: 1, timeout: TIMEOUT };
    assert_eq!(roster.decide(reloaded, seconds(0.0)), [Action::Command(0, SIGQUIT)]);
    assert_eq!(roster.decide(reloaded, seconds(0.0)), []);
    ended(&mut roster, 100, true, 0.0);
    roster.children.insert(0, pid(200));
    assert_eq!(roster.decide(reloaded, seconds(0.0)), [Action::Command(0, SIGQUIT)]);
}

#[test]
fn a_reload_undoes_what_ttin_ttou_and_winch_did() {
    let mut roster = serving(3);
    assert_eq!(signal(&mut roster, SIGWINCH, 0.0).len(), 3);
    assert_eq!(roster.wanted(seconds(0.0)), 0);
    roster.decide(Event::Reloaded { workers: 3, timeout: TIMEOUT }, seconds(0.0));
    assert_eq!(roster.wanted(seconds(0.0)), 3);
}

#[test]
fn winch_from_a_terminal_is_only_a_window() {
    let mut roster = Roster::new(1, TIMEOUT, true);
    roster.children.insert(0, pid(100));
    assert_eq!(signal(&mut roster, SIGWINCH, 0.0), []);
    assert_eq!(roster.wanted(seconds(0.0)), 1);
}

#[test]
fn usr1_reopens_the_masters_logs_first() {
    let told = [Action::ReopenLogs, Action::Command(0, SIGUSR1), Action::Command(1, SIGUSR1)];
    assert_eq!(signal(&mut serving(2), SIGUSR1, 0.0), told);
}

#[test]
fn there_is_one_successor_at_a_time() {
    let mut roster = serving(1);
    assert_eq!(signal(&mut roster, SIGUSR2, 0.0), [Action::StartSuccessor]);
    roster.decide(Event::SuccessorRuns(pid(300)), seconds(0.0));
    assert_eq!(signal(&mut roster, SIGUSR2, 0.0), []);
    let actions = ended(&mut roster, 300, false, 0.0);
    assert_eq!(actions[0], Action::TakeBackPidFile);
    assert_eq!(roster.wanted(seconds(0.0)), 1, "its death is no worker's failure");
    assert_eq!(signal(&mut roster, SIGUSR2, 0.0), [Action::StartSuccessor]);
}

#[test]
fn quit_hangs_up_spawns_nobody_and_kills_when_the_timeout_is_over() {
    let mut roster = serving(2);
    assert_eq!(signal(&mut roster, SIGQUIT, 5.0), [Action::TurnAway, Action::HangUp]);
    ended(&mut roster, 100, true, 5.0);
    assert_eq!(roster.wanted(seconds(5.0)), 0);
    let beats = [Beat { slot: 1, at: seconds(14.0), ready: true }];
    assert_eq!(killed(roster.decide(Event::Beats(&beats), seconds(14.9))), []);
    assert_eq!(roster.sleep(&beats, seconds(14.9)), Some(seconds(0.1)));
    assert_eq!(killed(roster.decide(Event::Beats(&beats), seconds(15.0))), [101]);
    assert_eq!(roster.sleep(&beats, seconds(15.0)), None, "only its death is left to wait for");
    assert!(!roster.is_done());
    ended(&mut roster, 101, true, 15.0);
    assert!(roster.is_done());
}

#[test]
fn quit_turns_nobody_away_from_listeners_that_another_one_has_too() {
    let mut old = serving(1);
    old.decide(Event::SuccessorRuns(pid(300)), seconds(0.0));
    let mut new = serving(1);
    new.has_predecessor = true;
    for mut roster in [old, new] {
        let leave = Action::Command(0, SIGQUIT); // it reads that before the end of its pipe
        assert_eq!(signal(&mut roster, SIGQUIT, 0.0), [leave, Action::HangUp]);
    }
}

#[test]
fn term_during_a_quit_is_obeyed() {
    let mut roster = serving(1);
    signal(&mut roster, SIGQUIT, 0.0);
    assert_eq!(signal(&mut roster, SIGTERM, 1.0), [Action::Kill(0, pid(100), SIGTERM)]);
    let beats = beats(&[1.0]);
    assert_eq!(roster.sleep(&beats, seconds(1.0)), Some(QUICK));
    assert_eq!(killed(roster.decide(Event::Beats(&beats), seconds(2.0))), [100]);
}

#[test]
fn while_it_stops_nothing_makes_it_start() {
    let mut roster = serving(1);
    signal(&mut roster, SIGTERM, 0.0);
    for other in [SIGHUP, SIGUSR2, SIGTTIN, SIGTTOU, SIGWINCH, SIGQUIT] {
        assert_eq!(signal(&mut roster, other, 0.0), [], "{other}");
    }
    assert_eq!(roster.wanted(seconds(0.0)), 0);
}

#[test]
fn a_silent_worker_is_killed_on_time_and_once() {
    let mut roster = serving(2);
    let beats = beats(&[1.0, 7.0]);
    assert_eq!(roster.sleep(&beats, seconds(8.0)), Some(seconds(3.0)));
    let actions = roster.decide(Event::Beats(&beats), seconds(11.0));
    assert_eq!(actions, [Action::Murder(0, pid(100), seconds(10.0))]);
    assert_eq!(roster.decide(Event::Beats(&beats), seconds(11.0)), []);
    assert_eq!(
        roster.sleep(&beats, seconds(11.0)),
        Some(seconds(6.0)),
        "now it is worker 1's turn"
    );
}

#[test]
fn a_master_that_was_stopped_kills_nobody_at_once() {
    let mut roster = serving(1);
    let beats = beats(&[1.0]);
    assert_eq!(roster.sleep(&beats, seconds(1.0)), Some(TIMEOUT));
    assert_eq!(killed(roster.decide(Event::Beats(&beats), seconds(60.0))), []);
    assert_eq!(roster.sleep(&beats, seconds(60.0)), Some(TIMEOUT), "counted from its waking");
    assert_eq!(killed(roster.decide(Event::Beats(&beats), seconds(70.0))), [100]);
}

#[test]
fn a_master_that_was_continued_was_stopped_however_short() {
    let mut roster = serving(1);
    let beats = beats(&[1.0]);
    roster.sleep(&beats, seconds(1.0));
    assert_eq!(roster.decide(Event::Signal(SIGCONT), seconds(11.1)), []);
    assert_eq!(killed(roster.decide(Event::Beats(&beats), seconds(11.1))), []);
    assert_eq!(roster.sleep(&beats, seconds(11.1)), Some(TIMEOUT), "counted from its waking");
}

#[test]
fn a_master_that_is_late_is_not_one_that_was_stopped() {
    let mut roster = serving(1);
    let beats = beats(&[1.0]);
    roster.sleep(&beats, seconds(1.0));
    assert_eq!(killed(roster.decide(Event::Beats(&beats), seconds(11.4))), [100]);
}

#[test]
fn a_worker_that_dies_at_boot_is_tried_again_after_a_pause_that_grows() {
    let mut roster = serving(1);
    let (mut at, mut pauses) = (0.0, Vec::new());
    for _ in 0..8 {
        ended(&mut roster, 100, false, at);
        assert_eq!(roster.wanted(seconds(at)), 0);
        let pause = roster.sleep(&[], seconds(at)).expect("the next try").as_secs_f64();
        at += pause;
        assert_eq!(roster.wanted(seconds(at)), 1);
        roster.children.insert(0, pid(100));
        pauses.push((pause * 10.0).round() / 10.0);
    }
    assert_eq!(pauses, [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0]);
}

#[test]
fn workers_that_die_at_boot_together_count_once() {
    let mut roster = serving(4);
    (100..104).for_each(|number| drop(ended(&mut roster, number, false, 1.0)));
    assert_eq!(roster.sleep(&[], seconds(1.0)), Some(FIRST_PAUSE));
}

#[test]
fn the_pause_is_short_again_once_all_are_ready() {
    let mut roster = serving(2);
    ended(&mut roster, 101, false, 0.0);
    ended(&mut roster, 101, false, 1.0);
    roster.decide(Event::Beats(&beats(&[1.0])), seconds(1.5));
    assert_eq!(roster.failures, 1, "one of two is ready");
    roster.children.insert(1, pid(101));
    roster.decide(Event::Beats(&beats(&[1.0, 1.0])), seconds(1.5));
    assert_eq!(roster.failures, 0);
}

#[test]
fn a_worker_that_dies_at_work_is_replaced_at_once() {
    let mut roster = serving(1);
    ended(&mut roster, 100, true, 0.0);
    assert_eq!(roster.wanted(seconds(0.0)), 1);
    assert_eq!(roster.sleep(&[], seconds(0.0)), Some(Duration::ZERO));
}

#[test]
fn one_that_was_asked_to_leave_before_it_was_ready_has_not_failed() {
    let mut roster = serving(1);
    roster.decide(Event::Reloaded { workers: 1, timeout: TIMEOUT }, seconds(0.0));
    ended(&mut roster, 100, false, 0.0);
    assert_eq!(roster.wanted(seconds(0.0)), 1);
}

#[test]
fn a_fork_that_fails_is_tried_again_after_a_pause() {
    let mut roster = Roster::new(1, TIMEOUT, false);
    roster.decide(Event::CannotFork, seconds(3.0));
    assert_eq!(roster.wanted(seconds(3.0)), 0);
    assert_eq!(roster.sleep(&[], seconds(3.0)), Some(FIRST_PAUSE));
}

#[test]
fn an_orphan_that_is_not_ours_changes_nothing() {
    let mut roster = serving(1);
    assert_eq!(ended(&mut roster, 999, false, 0.0), []);
    assert_eq!(roster.wanted(seconds(0.0)), 1);
}
