//! What the kernel must have seen of `make-a-zombie`.
//!
//! Three gates make the moments to look at: at one of them stands the child, which ends when the test opens it; at the
//! other two the program, before and after it has cleared the zombie.

mod standing;

use grader::facts::*;
use grader::{Exit, Injection, Interrupted, Policy, Process, Run, Running, State, Verdict};
use standing::{Standing, until_the_child_stands};
use std::time::Duration;

/// The next line about a process that ends like this; the program may say other things as well.
fn line(running: &mut Running, end: &str) -> Result<String, Interrupted> {
    loop {
        let line = running.line()?;
        if line.starts_with("pid ") && line.ends_with(end) {
            return Ok(line);
        }
    }
}

/// Fails if the parent says "zombie" while its child stands at the gate and lives.
fn must_not_have_spoken(standing: &mut Standing) {
    // Having said its line, the program goes to its own first gate.
    if standing.steps.arrived() == 0 {
        return;
    }
    let said = line(&mut standing.running, " is a zombie").unwrap_or_default();
    let now = standing.running.snapshot();
    Verdict::new("The program speaks of a zombie, but the child is still alive.")
        .saw(format!("said: {said:?}"))
        .saw_all(now.get(standing.child.pid).map(|p| format!("pid {} {}", p.pid, now.describe(p))))
        .ask("What makes a zombie of a process, and how does the parent come to know that it has happened?")
        .fail();
}

/// Opens the child's gate and waits for the line that says that it is a zombie.
fn until_zombie(standing: &mut Standing) -> Process {
    must_not_have_spoken(standing);
    standing.end.open(1);
    let said = line(&mut standing.running, " is a zombie");
    let now = standing.running.snapshot();
    let pid = standing.child.pid;
    let expected = format!("pid {pid} is a zombie");
    let child = now.get(pid).cloned();
    let verdict = match (&said, child) {
        (Ok(said), Some(child)) if *said == expected && child.state == State::Zombie => {
            return child;
        }
        (Ok(said), _) if *said != expected => {
            Verdict::new("The program speaks of another process than of its child.")
                .saw(format!("expected {expected:?}"))
                .saw(format!("got      {said:?}"))
                .ask("What did fork return, and to whom?")
        }
        (_, None) => {
            Verdict::new("There is no zombie any more: it was reaped before it could be shown.")
                .ask("Which call learns of a child's end and leaves the child where it is?")
        }
        (Ok(_), Some(_)) if came_back(standing) => Verdict::new(
            "The child came back from `make`, and speaks of itself as a zombie: its life was to end at its gate.",
        )
        .ask("Where does a function return to in a process that was copied in the middle of it?"),
        (Ok(_), Some(child)) => Verdict::new(
            "The program speaks of a zombie, but the child is none yet.",
        )
        .saw(format!("pid {pid} {}", now.describe(&child)))
        .ask("What is the last thing that a process does, and what had the parent waited for?"),
        (Err(Interrupted::Ended), Some(_)) => {
            Verdict::new("The program ended before it said that its child is a zombie.")
                .ask("What did the call return, and is that an error?")
        }
        (Err(_), Some(child)) => {
            Verdict::new("The child's gate was opened, and the program says nothing of a zombie.")
                .saw(format!("pid {pid} {}", now.describe(&child)))
                .ask("Has the child ended? And which of its changes does the parent wait for?")
        }
    };
    verdict.saw_all(now.explain()).fail()
}

/// Whether it is the child who goes on, to the gate where the program is to stand with its zombie.
fn came_back(standing: &mut Standing) -> bool {
    let Standing { running, steps, child, .. } = standing;
    let gate = &steps.paths()[0].clone();
    let who = running.until(|now| {
        let there = |p: &&Process| p.descriptors.iter().any(|it| it.target == *gate);
        let arrived = steps.arrived() > 0;
        now.processes.iter().find(there).filter(|_| arrived).map(|p| p.pid)
    });
    who == Ok(child.pid)
}

#[test]
fn the_parent_sleeps_until_the_child_has_ended() {
    grader::worth(1);
    let mut standing = until_the_child_stands();
    must_not_have_spoken(&mut standing);
    let Standing { running, parent, .. } = standing;
    let now = running.snapshot();
    let seen = format!(
        "the child stands at its gate, and {} {}",
        now.title(&parent),
        now.describe(&parent)
    );
    if parent.sleeping_for_time() {
        Verdict::new("The parent guesses by the clock when its child will be a zombie.")
            .saw(seen)
            .ask("How long does a child need to end on a machine that is busy?")
            .fail();
    }
    if !parent.blocked() {
        Verdict::new("The parent spins: it looks again and again whether its child is a zombie.")
            .saw(seen)
            .ask("waitid(2) can wait without reaping. With which flag?")
            .fail();
    }
    if parent.call == grader::Call::Hidden {
        grader::skip(
            "the parent sleeps until its child has ended",
            "/proc/PID/syscall cannot be read",
        );
    }
}

#[test]
fn the_child_is_a_zombie_when_the_program_says_so() {
    grader::worth(2);
    let mut standing = until_the_child_stands();
    if standing.parent.sleeping_for_time() || !standing.parent.blocked() {
        Verdict::new(
            "Nothing tells this parent that its child has ended: it looks, or it guesses.",
        )
        .saw_all(standing.running.snapshot().explain())
        .ask("Who knows first that a process has ended, and how can that be asked for?")
        .fail();
    }
    let zombie = until_zombie(&mut standing);
    if zombie.parent != standing.parent.pid {
        Verdict::new("The zombie is not the program's own child: only its parent could clear it.")
            .saw(format!("pid {} is a child of pid {}", zombie.pid, zombie.parent))
            .ask("Which process called fork last?")
            .fail();
    }
}

#[test]
fn it_stays_until_it_is_cleared_and_then_it_is_gone() {
    grader::worth(2);
    let mut standing = until_the_child_stands();
    let pid = until_zombie(&mut standing).pid;
    let Standing { mut running, mut steps, .. } = standing;
    // Having said that there is a zombie, the program stands at its gate: the zombie must outlast that.
    let at_the_gate = running.until(|_| (steps.arrived() == 1).then_some(())).is_ok();
    let now = running.snapshot();
    if !at_the_gate || now.get(pid).is_none() {
        Verdict::new("The zombie did not last until it was to be cleared.")
            .saw_all(now.explain())
            .ask(
                "Which call takes a zombie away, and in which of the two functions does it belong?",
            )
            .fail();
    }
    steps.open(1);
    let said = line(&mut running, &format!("pid {pid} is gone"));
    let now = running.snapshot();
    if let Some(zombie) = now.get(pid).filter(|_| said.is_ok()) {
        Verdict::new(format!(
            "pid {pid} is still there. It is dead already: nothing ends a zombie but a wait of its parent's that takes it away."
        ))
        .saw(format!("pid {} {}", zombie.pid, now.describe(zombie)))
        .ask("What could a signal, or a new disposition, change for a process that runs no more? And which flag has waitid(2) leave a child where it is?")
        .fail();
    }
    if said.is_ok() && running.until(|_| (steps.arrived() == 1).then_some(())).is_ok() {
        steps.open(2);
    }
    let outcome = running.finish();
    outcome.must_end();
    if let Err(Interrupted::Ended) = said {
        let gone = outcome.left_behind.iter().all(|p| p.pid != pid);
        if gone && outcome.exit != Exit::Code(0) {
            Verdict::new("The zombie was cleared, and then a call failed.")
                .saw(outcome.ending())
                .saw_all(outcome.complaint())
                .ask("Which call was made when nobody was left to be waited for?")
                .fail();
        }
        Verdict::new("The program ended instead of clearing its zombie.")
            .saw(outcome.ending())
            .saw_all(outcome.who_was_left())
            .saw_all(outcome.complaint())
            .ask(
                "Who clears a zombie whose parent has ended? And what if the parent is to live on?",
            )
            .fail();
    }
    outcome.must_leave_nobody();
    if outcome.exit != Exit::Code(0) {
        Verdict::new("The zombie is gone, but the program does not report success.")
            .saw(outcome.ending())
            .saw_all(outcome.complaint())
            .ask("Which call failed, and in which process?")
            .fail();
    }
}

#[test]
fn a_child_that_ends_at_once_is_no_less_a_zombie() {
    grader::worth(1);
    // A child that goes first; or a parent, who is held before a pause. Who looks by the clock hangs without being blocked: no longer than elsewhere.
    for policy in [Policy::ChildFirst, Policy::ParentFirst] {
        let run = Run::new(grader::program!("make-a-zombie")).args(["/dev/null"; 3]);
        let run = run.deadline(Duration::from_secs(3)).recorded().policy(policy);
        let holds = ["P1:pause:1=P2:exit_group:1", "P2:openat:1"]
            .map(|it| Injection::hold(it).expect("it is well written"));
        let holds = holds.into_iter().filter(|_| policy == Policy::ParentFirst);
        let Some(seen) = holds.fold(run, grader::Recording::inject).record() else { return };
        seen.must(set_no_timeout()).must(set_no_timer()).must(end_by_itself());
        seen.must(reap_every_child()).must(exit_with(0));
    }
}
