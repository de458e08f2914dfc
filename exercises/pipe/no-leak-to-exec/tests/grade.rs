//! What must be open in the programs that `no-leak-to-exec` starts: their three standard streams.
//!
//! They stand still until their input ends, so there is time to look. And where a run is recorded, the worst moment is made to
//! come: whoever marks a descriptor by a call of its own is held right before that.

use grader::facts::{end_by_itself, leak_nothing_to};
use grader::{
    Descriptor, Exit, Injection, Interrupted, Outcome, Process, Recorded, Run, Seed, Seen,
    Snapshot, Verdict,
};

fn run(count: usize) -> Run {
    Run::new(grader::program!("no-leak-to-exec")).arg(count.to_string())
}

/// How many programs are started, beside the neighbour's.
fn programs() -> (Seed, usize) {
    let mut seed = Seed::of("programs");
    let count = seed.random().usize(2..=4);
    (seed, count)
}

/// What a process waits to read from while it holds a write end of the same.
fn own_end(process: &Process) -> Option<&Descriptor> {
    let reads = |d: &&Descriptor| !d.writable && process.waits_to_read(d.number) == Some(true);
    let reads = process.descriptors.iter().find(reads)?;
    process.descriptors.iter().find(|d| d.writable && d.target == reads.target)
}

/// Fails with what kept the program from its end.
fn must_end(outcome: &Outcome) {
    let now = &outcome.snapshot;
    if outcome.exit == Exit::Deadline
        && let Some(end) = now.program().and_then(own_end)
    {
        Verdict::new("The program listens for the end of what it is told, and keeps that end from coming itself.")
            .saw_all(now.explain())
            .saw(format!("its descriptor {} is a write end of the pipe that it reads", end.number))
            .ask("Who owns that number since the fork, and who closes it in the parent?")
            .fail();
    }
    outcome.must_end();
}

/// Fails unless every program was heard.
fn must_have_heard(outcome: &Outcome, count: usize) {
    must_end(outcome);
    let output = String::from_utf8_lossy(&outcome.stdout).into_owned();
    // Whatever was said besides, be it of the programs.
    let of_its_own = |line: &&str| line.starts_with("probe ") && line.ends_with(" was here");
    let said = output.lines().filter(of_its_own);
    let said: String = said.map(|line| format!("{line}\n")).collect();
    let wanted: String = (1..=count).map(|number| format!("probe {number} was here\n")).collect();
    let reaped_twice = String::from_utf8_lossy(&outcome.stderr).contains("(os error 10)");
    if outcome.exit != Exit::Code(0) && reaped_twice {
        Verdict::new("A program is waited for twice: `hear_all` finds no child any more, since `start` has reaped it.")
            .saw(outcome.ending())
            .saw_all(outcome.complaint())
            .ask("When does `start` return: at the program's beginning, or at its end?")
            .fail();
    }
    if said != wanted || outcome.exit != Exit::Code(0) {
        Verdict::new("The programs were started, and were not heard.")
            .saw(format!("{count} programs should be heard; said: {output:?}"))
            .saw(outcome.ending())
            .saw_all(outcome.complaint())
            .ask("Where does descriptor 1 of each program lead, from its first line on?")
            .fail();
    }
    outcome.must_leave_nobody();
}

fn list(process: &Process) -> String {
    let listed =
        process.descriptors.iter().map(|d| format!("{} → {}", d.number, d.target.display()));
    format!("open in pid {}: {}", process.pid, listed.collect::<Vec<_>>().join(", "))
}

/// Fails unless in each program three descriptors are open, and all but one write into a pipe.
fn must_hold_no_more(now: &Snapshot) {
    let mut silent = Vec::new();
    let own = now.program().and_then(|program| program.descriptor(1)).map(|d| &d.target);
    for process in now.others() {
        if let Some(more) = process.descriptors.iter().find(|d| d.number > 2) {
            Verdict::new(format!(
                "In a program that was started, a descriptor is open that nobody meant for it: {}.",
                more.number
            ))
            .saw(list(process))
            .saw("each should have 0, 1 and 2")
            .ask("Which descriptors survive an exec, and what marks those that do not?")
            .fail();
        }
        let output = process.descriptor(1);
        if output.is_some() && output.map(|d| &d.target) == own {
            Verdict::new("A program that was started speaks past its pipe: its standard output is the one of who started it.")
                .saw(list(process))
                .ask("Which call makes the pipe the child's descriptor 1, and before which other call?")
                .fail();
        }
        let name = output.map(|d| d.target.to_string_lossy()).unwrap_or_default();
        // A pair of sockets will do as well.
        if !name.starts_with("pipe:") && !name.starts_with("socket:") {
            silent.push(process);
        }
    }
    // One of them is the neighbour's.
    if silent.len() > 1 {
        Verdict::new(
            "The pipe was gone at the exec: descriptor 1 of the program leads somewhere else.",
        )
        .saw_all(silent.into_iter().map(list))
        .ask("Which call has made descriptor 1, and was the copy marked like its original?")
        .fail();
    }
}

/// Fails if the first process itself, and not a child of it, comes to have a descriptor without the mark, be it for a moment.
fn must_unmark_nothing(seen: &Recorded) {
    // What makes a descriptor, and what of its sentence says that it is marked.
    let marks = |step: &Seen| match step.begins() {
        Some("pipe" | "dup") => false,
        Some("pipe2" | "dup3" | "socketpair" | "socket") => step.sentence.contains("CLOEXEC"),
        Some("fcntl") => {
            !(step.sentence.contains("F_DUPFD,") || step.sentence.contains("F_SETFD, 0)"))
        }
        _ => true,
    };
    let copies = |step: &Seen| {
        step.returns() == Some("dup2") && step.opened.iter().any(|number| *number > 2)
    };
    let unmarks =
        |step: &&Seen| step.event.task.to_string() == "P1" && (copies(step) || !marks(step));
    if let Some(step) = seen.steps.iter().find(unmarks) {
        Verdict::new("For a moment P1 has an end without the mark: what the thread starts right then inherits it.")
            .saw(step.to_string())
            .ask("Which process needs a descriptor that survives an exec, and since when is nobody else in that one?")
            .fail();
    }
}

#[test]
fn each_program_is_heard_to_its_end() {
    grader::worth(1);
    let (_, count) = programs();
    must_have_heard(&run(count).finish(), count);
}

#[test]
fn each_program_holds_its_standard_streams_and_no_more() {
    grader::worth(2);
    let (_, count) = programs();
    let mut running = run(count).stdin_later().start();
    // A child has the name of who made it until its exec, and after that the name by which its program was found.
    let stands = |p: &Process| p.blocked() && (p.name == "exe" || p.waits_to_read(0) == Some(true));
    let all_stand = running.until(|now| {
        let all = now.others().count() == count + 1;
        (all && now.others().all(stands)).then(|| now.clone())
    });
    match all_stand {
        Ok(now) => must_hold_no_more(&now),
        Err(why) => {
            let outcome = running.finish();
            if why != Interrupted::Deadline {
                must_end(&outcome);
            }
            Verdict::new(format!(
                "{count} programs and the neighbour's should stand there at the same time."
            ))
            .saw_all(outcome.snapshot.explain())
            .saw(outcome.ending())
            .saw_all(outcome.complaint())
            .ask("When does `start` return: at the program's beginning, or at its end?")
            .fail()
        }
    }
    running.tell(b"");
    must_have_heard(&running.finish(), count);
}

#[test]
fn there_is_no_moment_at_which_a_pipe_could_leak() {
    grader::worth(2);
    let count = 2;
    let hold = |call| Injection::hold(&format!("P1:{call}:*")).expect("it is well written");
    // Two programs more, one step at a time: on a busy machine that takes a while. Who hangs is noticed without a deadline.
    let run = run(count);
    let recording = run.recorded().inject(hold("fcntl")).inject(hold("ioctl"));
    let Some(seen) = recording.record() else { return };
    seen.must(leak_nothing_to("probe")).must(leak_nothing_to("neighbour"));
    must_unmark_nothing(&seen);
    seen.must(end_by_itself());
    must_have_heard(&seen.outcome, count);
}
