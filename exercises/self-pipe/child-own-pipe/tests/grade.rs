//! Whom the signals of `child-own-pipe` must wake: a worker's the worker, its parent's the parent, whenever they come.

use grader::{Exit, Injection, Outcome, Process, Recorded, Run, Seen, Snapshot, Verdict, facts::*};
use nix::sys::signal::{Signal, kill};

/// Calls that a worker may make before it has its pipe. Just before each of them a signal comes to it, in a run of its own.
const ON_THE_WAY: [&str; 6] =
    ["pipe2:1", "close:1", "close:2", "rt_sigprocmask:1", "rt_sigaction:1", "fcntl:1"];

/// A signal that waits outside from the beginning on.
const OTHER: Signal = Signal::SIGUSR2;

fn program() -> Run {
    Run::new(grader::program!("child-own-pipe"))
}

fn says(outcome: &Outcome, line: &str) -> bool {
    String::from_utf8_lossy(&outcome.stdout).lines().any(|said| said == line)
}

fn output(outcome: &Outcome) -> String {
    format!("it said {:?}", String::from_utf8_lossy(&outcome.stdout))
}

/// A run in which SIGUSR1 comes just before these calls, `P2:poll:1`, where P2 is the worker. `None`: nobody may trace here.
fn signalled_at(calls: &[String]) -> Option<Recorded> {
    let with_worker = |name: &str| {
        let signal = |call: &String| {
            let at = call.replace("P2:", &format!("{name}:"));
            Injection::signal(&format!("{at}=USR1")).expect("it is well written")
        };
        calls.iter().fold(program().recorded(), |run, call| run.inject(signal(call))).record()
    };
    let mut seen = with_worker("P2")?;
    // Where a thread was made before it, it has another name.
    let name = name_of_the_worker(&seen);
    if name != "P2" {
        seen = with_worker(&name)?;
    }
    if matches!(seen.outcome.exit, Exit::Code(101)) {
        seen.outcome.must_end();
    }
    Some(seen)
}

/// The first task that is none of the parent's.
fn name_of_the_worker(seen: &Recorded) -> String {
    let mut others = seen.steps.iter().filter(|step| step.process.to_string() != "P1");
    others.next().map_or("P2".into(), |step| step.event.task.to_string())
}

fn of_the_worker(seen: &Recorded) -> impl Iterator<Item = &Seen> {
    let name = name_of_the_worker(seen);
    seen.steps.iter().filter(move |step| step.event.task.to_string() == name)
}

/// Those that tell of the signal that came to it.
fn told(seen: &Recorded) -> Vec<String> {
    let about = of_the_worker(seen).filter(|step| step.sentence.contains("SIGUSR1"));
    about.take(3).map(ToString::to_string).collect()
}

/// Fails unless the worker, and nobody else, was woken by the signal that came to it.
fn must_wake_the_worker_only(seen: &Recorded) {
    let outcome = &seen.outcome;
    if says(outcome, "the worker was woken") && says(outcome, "the parent was not woken") {
        return;
    }
    seen.must(wake_only_itself());
    let killed = String::from_utf8_lossy(&outcome.stdout).contains("did not end well: Signaled");
    if killed {
        Verdict::new("A signal that came before the worker had its pipe has killed the worker.")
            .saw(output(outcome))
            .saw_all(told(seen))
            .ask("What is set for the signal in a worker, from its birth on, and could the signal wait instead?")
            .fail();
    }
    if !seen.stuck.is_empty() {
        // Either it never came through, or it did, and its handler had nowhere to write to.
        if of_the_worker(seen).all(|step| step.handlers.is_empty()) {
            seen.must(not_sleep_through(Signal::SIGUSR1));
        }
        Verdict::new(
            "A signal came before the worker had its pipe, and is lost: nobody remembers it.",
        )
        .saw_all(told(seen))
        .saw_all(seen.stuck.iter().take(4).cloned())
        .ask("Where could a signal wait until there is a pipe to write to?")
        .fail();
    }
    seen.must(end_by_itself());
    Verdict::new("The signal was the worker's, and it is not the worker alone who was woken.")
        .saw(output(outcome))
        .saw_all(told(seen))
        .saw_all(outcome.complaint())
        .ask("Which pipe did the byte go to, and who reads that?")
        .fail()
}

/// The worker in its sleep, and all that there is then.
fn asleep(now: &Snapshot) -> Option<(Snapshot, Process)> {
    let worker = now.others().find(|p| p.parent == now.program && p.blocked())?;
    let parent_waits = now.program().is_some_and(Process::blocked);
    (parent_waits && now.others().count() == 1).then(|| (now.clone(), worker.clone()))
}

#[test]
fn each_has_a_pipe_of_its_own_and_no_end_of_the_others() {
    grader::worth(2);
    // Not one of those that are the exercise's: nobody has a reason to let it in.
    let mut running = program().holding_back(OTHER).start();
    let Ok((now, worker)) = running.until(asleep) else {
        let outcome = running.finish();
        outcome.must_end();
        outcome.must_leave_nobody();
        Verdict::new("There was no worker that sleeps.")
            .saw(outcome.ending())
            .saw(output(&outcome))
            .saw_all(outcome.complaint())
            .ask("Which process comes to `work`, and with what?")
            .fail()
    };
    kill(worker.host, Signal::SIGUSR1).expect("the worker sleeps, and nobody reaps it meanwhile");
    let outcome = running.finish();
    let pipes = now.pipes();
    if pipes.is_empty() && worker.descriptors.is_empty() {
        grader::skip("each has a pipe of its own", "/proc/PID/fd cannot be read");
        return;
    }
    let ends = |who: &Process| -> Vec<String> {
        let ours = pipes.iter().flat_map(|pipe| {
            let ends = pipe
                .readers
                .iter()
                .map(|end| (end, "read end"))
                .chain(pipe.writers.iter().map(|end| (end, "write end")));
            ends.map(|((pid, number), what)| {
                (
                    *pid,
                    format!(
                        "descriptor {number} of pid {pid} is a {what} of {}",
                        pipe.name.display()
                    ),
                )
            })
        });
        ours.filter(|(pid, _)| *pid == who.pid).map(|(_, text)| text).collect()
    };
    let parent = now.program;
    let evidence = |verdict: Verdict| {
        let all = now.processes.iter().flat_map(|p| ends(p));
        verdict
            .saw(format!("the parent is pid {parent}, the worker pid {}", worker.pid))
            .saw_all(all)
    };
    let own = pipes.iter().any(|pipe| {
        pipe.is_read_by(worker.pid) && pipe.is_written_by(worker.pid) && !pipe.is_read_by(parent)
    });
    let of_parent = pipes.iter().find(|pipe| pipe.is_read_by(parent) && pipe.is_written_by(parent));
    if !own && pipes.iter().filter(|pipe| pipe.is_read_by(parent)).count() > 1 {
        evidence(Verdict::new(
            "There are two pipes, and the parent still holds the ends of its worker's.",
        ))
        .ask("Who has made the worker's pipe, and when: which descriptors does a fork copy, and which are made behind it?")
        .fail();
    }
    if !own {
        evidence(Verdict::new(
            "There is one pipe for both: what comes to one of them may wake the other.",
        ))
        .ask("What does a child have of its own after a fork, and what does it share?")
        .fail();
    }
    if of_parent.is_some_and(|pipe| pipe.is_read_by(worker.pid) || pipe.is_written_by(worker.pid)) {
        evidence(Verdict::new(
            "The worker has a pipe of its own, and still holds an end of its parent's pipe.",
        ))
        .ask("What could a worker do with that end, and who closes it?")
        .fail();
    }
    outcome.must_end();
    outcome.must_leave_nobody();
    if !says(&outcome, "the worker was woken") || !says(&outcome, "the parent was not woken") {
        Verdict::new("The worker was sent SIGUSR1 in its sleep, and it is not the worker alone who was woken.")
            .saw(output(&outcome))
            .saw_all(outcome.complaint())
            .ask("Which pipe does the handler write to, in whose process?")
            .fail();
    }
    if now.program().is_some_and(|it| !it.signals.blocked.contains(&OTHER)) {
        Verdict::new(format!("{OTHER} was held back when the program began, and the parent lets it in when it has made its worker."))
            .saw(format!("while its worker sleeps, {OTHER} is not in the parent's mask"))
            .ask("What stood in the mask before you changed it, and which argument of sigprocmask(2) tells that?")
            .fail();
    }
}

#[test]
fn a_signal_to_the_worker_wakes_the_worker() {
    grader::worth(1);
    let Some(seen) = signalled_at(&["P2:poll:1".into()]) else { return };
    seen.must(meet_every_injection());
    must_wake_the_worker_only(&seen);
}

#[test]
fn a_signal_before_the_worker_has_its_pipe_is_not_lost() {
    grader::worth(3);
    for call in ON_THE_WAY {
        let Some(seen) = signalled_at(&[format!("P2:{call}")]) else { return };
        // A worker that makes no such call can't be surprised there: nobody has sent it anything.
        if seen.unmet.is_empty() {
            must_wake_the_worker_only(&seen);
        }
    }
}

/// The parent's first calls in `start_worker`, or what comes soon after its beginning.
const BEFORE_THE_WORKER: [&str; 2] = ["rt_sigprocmask:1", "fork:1"];

#[test]
fn a_signal_to_the_parent_wakes_the_parent() {
    grader::worth(1);
    let Some(seen) = signalled_at(&["P1:wait4:1".into(), "P2:poll:1".into()]) else { return };
    seen.must(meet_every_injection());
    must_wake_both(&seen);
    for call in BEFORE_THE_WORKER {
        let Some(seen) = signalled_at(&[format!("P1:{call}"), "P2:poll:1".into()]) else { return };
        // Who makes no such call had nothing to hear.
        if seen.unmet.is_empty() {
            must_wake_both(&seen);
        }
    }
}

/// Fails unless each of the two was woken by its own signal.
fn must_wake_both(seen: &Recorded) {
    seen.must(end_by_itself());
    let [parent, worker] =
        ["the parent was woken", "the worker was woken"].map(|line| says(&seen.outcome, line));
    if !parent || !worker {
        let first_fork = seen.steps.iter().position(|step| step.begins() == Some("fork"));
        let before = &seen.steps[..first_fork.unwrap_or(0)];
        let heard = of_the_parent(seen).any(|step| !step.handlers.is_empty());
        let in_handlers = || before.iter().filter(|step| !step.handlers.is_empty());
        let cause = if in_handlers().any(|step| step.sentence.contains("into pipe 1:")) {
            "A signal had come to the parent before it made the worker, and the parent does not hear of it: its byte lies in the pipe that the parent had then."
        } else if in_handlers().next().is_some() {
            "A signal had come to the parent before it made the worker, and the parent does not hear of it: its byte lies in the worker's pipe."
        } else if was_ignored(seen) {
            "A signal came to the parent while it ignored SIGUSR1, and is lost: nobody keeps it."
        } else if worker && heard {
            "The parent's handler has run for its signal, and the parent finds no byte: it looks into another pipe, or somebody else reads this one."
        } else if worker {
            "The parent does not hear its signals any more, when its worker is there."
        } else {
            "The worker was not woken, and a signal had come to it."
        };
        let parents = of_the_parent(seen).filter(|step| step.sentence.contains("SIGUSR1"));
        Verdict::new(cause)
            .saw(output(&seen.outcome))
            .saw_all(parents.take(3).map(ToString::to_string))
            .ask("Which of the two is a mask put back in, to what it was before, and which byte went where?")
            .fail();
    }
}

fn of_the_parent(seen: &Recorded) -> impl Iterator<Item = &Seen> {
    seen.steps.iter().filter(|step| step.event.task.to_string() == "P1")
}

/// Whether the parent ignored SIGUSR1 when it came to it.
fn was_ignored(seen: &Recorded) -> bool {
    let parents = || of_the_parent(seen);
    let came = |step: &&Seen| step.sentence.contains("sends SIGUSR1 to P1");
    let before = parents().take_while(|step| !came(step));
    before
        .filter(|step| step.sentence.contains("calls rt_sigaction(SIGUSR1,"))
        .last()
        .is_some_and(|step| step.sentence.contains("SIG_IGN"))
        && parents().any(|step| came(&step))
}
