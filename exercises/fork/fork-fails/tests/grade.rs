//! What `fork-fails` must have left behind: nobody, whether the machine had room for all of its children or not.
//!
//! Where there is to be no room, the program is told a limit on its user's processes, and sets it (setrlimit(2),
//! `RLIMIT_NPROC`): a few forks succeed, and then the kernel refuses one with EAGAIN.

use grader::facts::*;
use grader::{
    Containment, Exit, Gates, Injection, Interrupted, Outcome, Policy, Process, Recorded, Run,
    Running, Seen, Snapshot, State, Verdict,
};
use std::path::PathBuf;

/// How many children the program is asked for: more than it will have room for when there is a limit.
const CHILDREN: usize = 8;
/// For how many of them there is room then, about.
const ROOM: usize = 3;

/// A run with a gate at which the program stands when it has started everybody.
fn run(gate: &Gates) -> Run {
    run_at(gate.paths()[0].clone())
}

fn run_at(gate: PathBuf) -> Run {
    // Neither less nor more: without a user of its own, a program of root's has no limit to meet, and in a user
    // namespace a plain user's processes are counted from none.
    Run::new(grader::program!("fork-fails"))
        .contained(Containment::Fallback)
        .arg(CHILDREN.to_string())
        .arg(gate)
}

/// How many processes and threads the user of a run has before it begins.
fn others_of_this_user() -> usize {
    // Started by root, each run is a user of its own.
    if nix::unistd::geteuid().is_root() {
        return 0;
    }
    let user = nix::unistd::geteuid().to_string();
    let threads = |status: &str| -> Option<usize> {
        let field = |name| status.lines().find_map(|line| line.strip_prefix(name));
        let whose = field("Uid:")?.split_whitespace().next()?;
        field("Threads:")?.trim().parse().ok().filter(|_| whose == user)
    };
    let statuses = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let statuses =
        statuses.filter_map(|entry| std::fs::read_to_string(entry.path().join("status")).ok());
    statuses.filter_map(|status| threads(&status)).sum()
}

/// Whether this process has that limit on its user's processes, and no other (`/proc/PID/limits`).
fn has_limit(program: impl std::fmt::Display, limit: usize) -> bool {
    let limits = std::fs::read_to_string(format!("/proc/{program}/limits")).unwrap_or_default();
    let line = limits.lines().find_map(|line| line.strip_prefix("Max processes"));
    // Where nobody may look, the program has the benefit of the doubt.
    line.is_none_or(|line| line.split_whitespace().next() == Some(&limit.to_string()))
}

/// How many children stand at their place.
fn standing(now: &Snapshot) -> usize {
    now.others().filter(|p| p.blocked()).count()
}

/// Waits until the program stands at its gate, or has ended; with what is to be seen there.
fn until_started(running: &mut Running, gate: &mut Gates) -> Result<Snapshot, Interrupted> {
    let mut there = false;
    running.until(|now| {
        if !std::mem::replace(&mut there, gate.arrived() == 1) {
            return None;
        }
        now.processes.iter().all(|p| p.blocked() || p.state == State::Zombie).then(|| now.clone())
    })
}

/// Fails unless nobody is left.
fn must_have_ended_them(outcome: &Outcome) {
    // To whom a signal has come is about to end, and will be a zombie.
    let lives_on = |p: &&Process| p.state != State::Zombie && p.signals.pending.is_empty();
    let alive = outcome.left_behind.iter().filter(lives_on).count();
    let zombies = outcome.left_behind.len() - alive;
    if alive > 0 {
        Verdict::new(format!(
            "The program is gone, and {alive} of its children live on: nobody has ended them."
        ))
        .saw(outcome.ending())
        .saw_all(outcome.who_was_left())
        .saw_all(outcome.complaint())
        .ask("Who knows the pids of the children that were made, and who will know them later?")
        .fail();
    }
    if zombies > 0 {
        Verdict::new(format!("The children were ended, and {zombies} of them were never reaped."))
            .saw(outcome.ending())
            .saw_all(outcome.who_was_left())
            .ask("When has a child that was sent a signal ended, and who takes what is left of it?")
            .fail();
    }
}

/// The verdicts on a program that did not come to an end of its own.
fn must_end(outcome: &Outcome) {
    if let Exit::Signal(number) = outcome.exit {
        Verdict::new("The program has ended itself, and not only its children.")
            .saw(outcome.ending())
            .saw(format!("the signal's number is {number}"))
            .saw_all(outcome.who_was_left())
            .ask("kill(2): whom does the pid 0 mean, and whom the pid -1?")
            .fail();
    }
    let now = &outcome.snapshot;
    if outcome.exit == Exit::Deadline
        && now.program().is_some_and(|p| p.blocked())
        && standing(now) > 0
    {
        Verdict::new("The program waits for children that nobody has ended.")
            .saw_all(now.explain())
            .ask("What do the children wait for, and from whom is it to come?")
            .fail();
    }
    if outcome.exit == Exit::Deadline && standing(now) > 0 {
        Verdict::new("The fork was refused, and the program tries again and again.")
            .saw_all(now.explain())
            .ask("Who could make room, as long as this program keeps its children?")
            .fail();
    }
    outcome.must_end();
}

#[test]
fn when_there_is_room_all_are_made_and_ended() {
    grader::worth(2);
    let mut gate = Gates::new(1);
    let mut running = run(&gate).start();
    match until_started(&mut running, &mut gate) {
        Ok(now) if standing(&now) == CHILDREN && now.others().all(|p| p.parent == now.program) => {}
        Ok(now) => {
            Verdict::new(format!("{} children stand there, and not {CHILDREN}.", standing(&now)))
                .saw_all(now.explain())
                .ask("Which processes run the loop, and how often?")
                .fail()
        }
        Err(_) => {
            let outcome = running.finish();
            must_end(&outcome);
            must_have_ended_them(&outcome);
            Verdict::new("The program ended before its children had been started.")
                .saw(outcome.ending())
                .saw_all(outcome.complaint())
                .ask("Which process came back from `start_all`, and with what?")
                .fail()
        }
    }
    gate.open(1);
    let outcome = running.finish();
    must_end(&outcome);
    must_have_ended_them(&outcome);
    if outcome.exit != Exit::Code(0) {
        Verdict::new("All were made and ended, but the program does not report success.")
            .saw(outcome.ending())
            .saw_all(outcome.complaint())
            .ask("Which call failed, and is that an error?")
            .fail();
    }
}

#[test]
fn when_a_fork_is_refused_nobody_is_left() {
    grader::worth(3);
    let mut gate = Gates::new(1);
    // The program itself needs a place, too.
    let limit = others_of_this_user() + 1 + ROOM;
    let mut running = run(&gate).arg(limit.to_string()).start();
    let started = until_started(&mut running, &mut gate);
    if started.as_ref().is_ok_and(|now| standing(now) == CHILDREN) {
        if !has_limit(running.pid(), limit) {
            Verdict::new("The program has not set the limit that it was told.")
                .saw_all(running.snapshot().explain())
                .ask("What does `limit_processes` do, and who calls it?")
                .fail();
        }
        grader::skip(
            "nobody is left when a fork is refused",
            "this machine has no limit on this user's processes",
        );
        return;
    }
    if let Ok(now) = started {
        Verdict::new("A fork was refused, and the program has not noticed, or says nothing of it.")
            .saw(format!("asked for {CHILDREN} children; {} stand there", standing(&now)))
            .saw_all(now.explain())
            .ask("What does fork return when there is no child, and what should `start_all` return then?")
            .fail();
    }
    let outcome = running.finish();
    must_end(&outcome);
    must_have_ended_them(&outcome);
    if outcome.exit != Exit::Code(75) {
        Verdict::new(
            "The fork was refused, and the program ended otherwise than by reporting that.",
        )
        .saw("expected: exit code 75, which `main` gives to an error of `start_all`")
        .saw(outcome.ending())
        .saw_all(outcome.complaint())
        .ask("Which process ended where?")
        .fail();
    }
    if !String::from_utf8_lossy(&outcome.stderr).contains("(os error 11)") {
        Verdict::new("The error that fork had is not reported.")
            .saw(outcome.ending())
            .saw_all(outcome.complaint())
            .ask("Which error does `start_all` return, does it return at all, and which call was the last to fail before that?")
            .fail();
    }
}

#[test]
fn nobody_is_signalled_but_the_children_and_each_is_waited_for() {
    grader::worth(1);
    // None has ended before the program waits for it; or the first one not before a wait is over, or sleeps.
    let slow = ["P2:pause:1=P1:wait4:1", "P2:pause:1=P1:waitid:1"];
    for (policy, holds) in [(Policy::ParentFirst, &[][..]), (Policy::ChildFirst, &slow)] {
        // The gate stands open.
        let run = run_at("/dev/null".into()).recorded().policy(policy);
        let holds = holds.iter().map(|it| Injection::hold(it).expect("it is well written"));
        let Some(seen) = holds.fold(run, grader::Recording::inject).record() else { return };
        seen.must(end_by_itself()).must(signal_no_group()).must(reap_every_child());
        seen.must(exit_with(0));
        must_signal_nobody_who_is_gone(&seen);
    }
}

/// Fails if a signal is sent to a child that has been reaped: that number may be somebody else's by then.
fn must_signal_nobody_who_is_gone(seen: &Recorded) {
    let in_vain = |step: &&Seen| step.returns() == Some("kill") && step.sentence.contains("ESRCH");
    if let Some(step) = seen.steps.iter().find(in_vain) {
        Verdict::new("A signal is sent to a child that was reaped before: its number may be somebody else's by then.")
            .saw(step.to_string())
            .ask("How often is each child ended, and who keeps its pid when it is gone?")
            .fail();
    }
}

#[test]
fn the_forks_own_error_is_reported_at_the_first_refusal() {
    grader::worth(1);
    for (error, number) in [("EAGAIN", 11), ("ENOMEM", 12)] {
        // The fourth fork, by whichever call.
        let refused = ["fork", "vfork", "clone"]
            .map(|call| Injection::fail(&format!("{call}:4={error}")).expect("it is well written"));
        let run = run_at("/dev/null".into()).recorded();
        let Some(seen) = refused.iter().cloned().fold(run, grader::Recording::inject).record()
        else {
            return;
        };
        seen.outcome.must_end();
        if seen.unmet.len() == refused.len() {
            Verdict::new(format!("Fewer children are made than were asked for: {CHILDREN}."))
                .saw(seen.outcome.ending())
                .saw_all(seen.outcome.complaint())
                .ask("How often does the program fork?")
                .fail();
        }
        seen.must(end_by_itself()).must(give_up_after(error)).must(reap_every_child());
        must_signal_nobody_who_is_gone(&seen);
        let said = String::from_utf8_lossy(&seen.outcome.stderr);
        if seen.outcome.exit != Exit::Code(75) || !said.contains(&format!("(os error {number})")) {
            Verdict::new(format!("The fork was refused with {error}, and that is not reported."))
                .saw(seen.outcome.ending())
                .saw_all(seen.outcome.complaint())
                .ask("Which error does `start_all` return, and where does it come from?")
                .fail();
        }
    }
}
