//! What the kernel must have seen of `double-fork`.
//!
//! The program and the daemon stand at a gate each, so the family can be looked at for as long as that takes.

use grader::facts::*;
use grader::{
    Exit, Gates, Interrupted, Outcome, Process, Recorded, Run, Running, Snapshot, State, Verdict,
};
use nix::unistd::{Pid, getsid};
use std::time::Duration;

/// The program and its daemon, each at its gate.
struct Standing {
    running: Running,
    front: Gates,
    /// Shut until the run is over.
    _back: Gates,
    daemon: Process,
}

/// Who is there and stands still, and how often each has gone to sleep, if nobody moves; the program must not have ended.
fn still(now: &Snapshot) -> Option<Vec<(Pid, Vec<String>)>> {
    let ended = now.program().is_none_or(|p| p.state == State::Zombie);
    let all = now.processes.iter().all(|p| p.blocked() || p.state == State::Zombie);
    (!ended && all).then(|| now.processes.iter().map(|p| (p.pid, p.sleeps())).collect())
}

/// Starts the program and waits until it and its daemon stand at their gates.
fn start() -> Standing {
    let (mut front, mut back) = (Gates::new(1), Gates::new(1));
    let run = Run::new(grader::program!("double-fork")).args(front.paths()).args(back.paths());
    let mut running = run.start();
    // Twice the same, since one look takes its time: somebody who is adopted in the middle of it is not in it, and two who wait
    // for each other in turn are both seen asleep. Nobody has gone to sleep anew in between, so all were at one moment. First
    // whether everybody stands still, and then who is at a gate: in this order, nobody is missed there either.
    let mut before = None;
    let seen = running.until(|now| {
        let now = still(now);
        let arrived = (front.arrived(), back.arrived());
        let same = now.is_some() && now == before;
        before = now;
        same.then_some(arrived)
    });
    match seen {
        Ok((1, 1)) => {}
        Ok((_, 1)) => Verdict::new(
            "The daemon is at its place, and the program did not come back from `daemonize`.",
        )
        .saw_all(running.snapshot().explain())
        .ask("Whom does the program wait for, and is that one going to end while the daemon lives?")
        .fail(),
        Ok(_) => Verdict::new("No daemon has come to its place.")
            .saw_all(running.snapshot().explain())
            .ask("Which of the three processes calls `serve`?")
            .fail(),
        Err(why) => ended_early(running, why),
    }
    // The one who reads the back gate, now that the test holds its other end.
    let path = &back.paths()[0];
    let has_it = |p: &Process| p.descriptors.iter().any(|d| d.target == *path);
    let mut before = None;
    let found = running.until(|now| {
        let there: Vec<Process> = now.processes.iter().filter(|p| has_it(p)).cloned().collect();
        let shown = now.program().is_some_and(|p| !p.descriptors.is_empty());
        let now = still(now);
        // Nobody is there any more: only if that is seen twice, since whoever is adopted meanwhile is missed.
        let gone = shown && now.is_some() && now == before;
        before = now.clone();
        (gone || now.is_some() && !there.is_empty()).then_some(there)
    });
    match found.as_deref() {
        Ok([daemon]) if daemon.host != running.pid() => {
            Standing { daemon: daemon.clone(), running, front, _back: back }
        }
        Ok([_]) => Verdict::new("The program itself serves, instead of its daemon.")
            .saw_all(running.snapshot().explain())
            .ask("In which process does `daemonize` return, and in which ones doesn't it?")
            .fail(),
        Ok([]) => Verdict::new(
            "The daemon came to its place and has ended, though nobody has opened its gate.",
        )
        .saw_all(running.snapshot().explain())
        .ask("What ties the daemon's life to that of another process, which has ended?")
        .fail(),
        Ok(_) => Verdict::new("There is more than one daemon.")
            .saw_all(running.snapshot().explain())
            .ask("Which processes go on after the second fork, and which of them should end?")
            .fail(),
        Err(_) => {
            grader::skip("who is the daemon", "/proc/PID/fd cannot be read");
            Verdict::new("The machine does not show who stands at the daemon's place.").fail()
        }
    }
}

fn ended_early(running: Running, why: Interrupted) -> ! {
    let outcome = running.finish();
    if why != Interrupted::Deadline {
        outcome.must_end();
    }
    let said = String::from_utf8_lossy(&outcome.stderr);
    let verdict = if said.contains("EPERM") || said.contains("not permitted") {
        Verdict::new("EPERM: setsid(2) refuses a process that leads a process group already.")
            .ask("Which process surely leads no group, since it has just been made?")
    } else if why == Interrupted::Ended {
        Verdict::new("The program ended before it and its daemon had come to their gates.")
            .ask("Which process ended, and which line ended it?")
    } else {
        Verdict::new("The program and its daemon never came to stand at their gates.")
            .ask("Who waits for whom?")
    };
    verdict
        .saw(outcome.ending())
        .saw_all(outcome.snapshot.explain())
        .saw_all(outcome.complaint())
        .fail()
}

fn finish(standing: Standing) -> Outcome {
    let Standing { running, mut front, _back, .. } = standing;
    front.open(1);
    let outcome = running.finish();
    outcome.must_end();
    outcome
}

#[test]
fn the_daemon_is_nobodys_child_any_more() {
    grader::worth(1);
    let Standing { running, daemon, .. } = start();
    let now = running.snapshot();
    let adopter = now.program().map(|p| p.parent);
    if daemon.parent == now.program {
        Verdict::new("The daemon is the program's own child, and not its grandchild.")
            .saw(format!("pid {} is a child of pid {}, the program", daemon.pid, daemon.parent))
            .ask(
                "Whose child would it have to be to become an orphan now, while the program lives?",
            )
            .fail();
    }
    if Some(daemon.parent) != adopter {
        Verdict::new("The daemon's parent still lives.")
            .saw(format!("pid {} is a child of pid {}", daemon.pid, daemon.parent))
            .saw_all(now.explain())
            .ask("What is left to do for the process in the middle when it has forked?")
            .fail();
    }
}

#[test]
fn the_daemon_has_a_session_that_it_does_not_lead() {
    grader::worth(2);
    let Standing { running, daemon, .. } = start();
    let (Ok(of_daemon), Ok(of_program)) = (getsid(Some(daemon.host)), getsid(Some(running.pid())))
    else {
        Verdict::new("The daemon is gone.").saw_all(running.snapshot().explain()).fail();
    };
    let seen = [
        format!("the program, pid {}, is in the session {of_program}", running.pid()),
        format!("the daemon, pid {}, is in the session {of_daemon}", daemon.host),
    ];
    if of_daemon == of_program {
        Verdict::new("The daemon is still in the program's session: what ends the session reaches it.")
            .saw_all(seen)
            .ask("What does a terminal do to its session when it hangs up, and which call leaves a session?")
            .fail();
    }
    if of_daemon == daemon.host {
        Verdict::new("The daemon leads its session: opening a terminal could make that its own again.")
            .saw_all(seen)
            .ask("Which of the three processes should make the session, so that the last one is in it and does not lead it?")
            .fail();
    }
}

#[test]
fn the_middle_is_reaped_and_the_daemon_outlives_the_program() {
    grader::worth(2);
    let standing = start();
    let daemon = standing.daemon.pid;
    let now = standing.running.snapshot();
    let program = now.program;
    let others: Vec<&Process> = now.others().filter(|p| p.pid != daemon).collect();
    if others.iter().any(|p| p.state == State::Zombie && p.parent == program) {
        // Who asks once, without waiting, has sometimes asked too soon: what it goes by is told each time.
        if let Some(seen) = slow_in_the_middle()
            && seen
                .of(seen.steps[0].process)
                .any(|step| matches!(step.begins(), Some("wait4" | "waitid")))
        {
            must_wait_for_who_is_slow(&seen);
        }
        Verdict::new("The process in the middle is a zombie: the program has not reaped it.")
            .saw_all(now.explain())
            .ask("Does a process that is to end at once have to be waited for? By whom, if the program lives for a year?")
            .fail();
    }
    if !others.is_empty() {
        Verdict::new("There is another process besides the program and its daemon.")
            .saw_all(now.explain())
            .ask("Who has made it, and how many forks does a daemon take?")
            .fail();
    }
    let outcome = finish(standing);
    if outcome.exit != Exit::Code(0) {
        Verdict::new("The daemon is at its place, but the program does not report success.")
            .saw(outcome.ending())
            .saw_all(outcome.complaint())
            .ask("Which of the calls failed?")
            .fail();
    }
    let alive = outcome.left_behind.iter().any(|p| p.pid == daemon && p.state != State::Zombie);
    if !alive {
        Verdict::new("The daemon did not outlive the program.")
            .saw(format!("the program was pid {program}, the daemon pid {daemon}"))
            .saw(outcome.ending())
            .ask("What ties the daemon's life to the program's?")
            .fail();
    }
    if let Some(seen) = slow_in_the_middle() {
        must_wait_for_who_is_slow(&seen);
    }
}

/// A run in which the one in the middle is slow: whoever does not wait for its end comes back before.
fn slow_in_the_middle() -> Option<Recorded> {
    let run = Run::new(grader::program!("double-fork")).args(["/dev/null"; 2]);
    let run = run.deadline(Duration::from_secs(3)).recorded();
    run.slow_child(&["setsid", "setpgid", "clone", "clone3", "fork", "exit_group"]).record()
}

fn must_wait_for_who_is_slow(seen: &Recorded) {
    seen.must(set_no_timer()).must(end_by_itself()).must(not_trust_the_end_of_a_pipe());
    seen.must(reap_the_first_child()).must(never_spin()).must(never_look_by_the_clock());
}
