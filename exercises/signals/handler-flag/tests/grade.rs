//! What `handler-flag` must make of SIGTERM: the job in hand is finished, no other is begun, and the file goes.
//!
//! In the middle of a job is in the middle of its `println!`: the recorder has the signal come right before the write(2) in it.

use grader::facts::*;
use grader::{
    Between, Exit, Folder, Injection, Outcome, Process, Recorded, Run, Running, Seed, Seen, State,
    Verdict,
};
use nix::sys::signal::{Signal, kill};
use std::path::Path;

const TERM: Signal = Signal::SIGTERM;

/// A run whose file is to be in this folder.
fn run(files: &Folder) -> Run {
    let file = files.path().join("at-work");
    Run::new(grader::program!("handler-flag")).arg(file).may_write(files.path())
}

/// Some jobs, each with a name of its own.
fn jobs(seed: &mut Seed) -> Vec<String> {
    (1..=6).map(|number| format!("{number}{}", seed.random().lowercase())).collect()
}

/// The jobs that were done, in order.
fn done(outcome: &Outcome) -> Vec<String> {
    let text = String::from_utf8_lossy(&outcome.stdout);
    text.lines().filter_map(|line| line.strip_suffix(": done")).map(str::to_owned).collect()
}

fn is_there(files: &Folder) -> bool {
    Path::exists(&files.path().join("at-work"))
}

/// Fails unless the program has tidied up and reports success.
fn must_have_tidied_up(outcome: &Outcome, files: &Folder) {
    if outcome.exit == Exit::Signal(TERM as i32) {
        Verdict::new(
            "SIGTERM has ended it: nothing was set for the signal, and its default is to end.",
        )
        .saw(outcome.ending())
        .ask("Which call sets what a process does with a signal, and has it been made by then?")
        .fail();
    }
    let says = String::from_utf8_lossy(&outcome.stdout).contains("tidied up");
    if is_there(files) || !says {
        let there = if is_there(files) { ", and its file is still there" } else { "" };
        Verdict::new(format!("The program is gone{there}: `serve` has not come to its end."))
            .saw(outcome.ending())
            .saw_all(outcome.complaint())
            .ask("Where in the program does it end, and who would have done the rest?")
            .fail();
    }
    if outcome.exit != Exit::Code(0) {
        Verdict::new("It has tidied up, and then it does not report success.")
            .saw(outcome.ending())
            .saw_all(outcome.complaint())
            .ask("Which call failed, and is that an error?")
            .fail();
    }
}

#[test]
fn without_a_signal_every_job_is_done() {
    grader::worth(1);
    let (files, mut seed) = (Folder::new(), Seed::of("no signal"));
    let jobs = jobs(&mut seed);
    let outcome = run(&files).stdin(jobs.join("\n") + "\n").finish();
    outcome.must_end();
    if done(&outcome) != jobs {
        Verdict::new("Nobody has sent a signal, and not every job was done.")
            .saw(format!("jobs: {jobs:?}; done: {:?}", done(&outcome)))
            .ask("What does `told_to_stop` say before any signal has come?")
            .replay(&seed)
            .fail();
    }
    must_have_tidied_up(&outcome, &files);
}

#[test]
fn a_program_that_waits_for_a_job_hears_of_sigterm() {
    grader::worth(2);
    let files = Folder::new();
    let mut running = run(&files).stdin_later().start();
    // Once it sleeps, all is set that will be set.
    let asleep = running.until(|now| now.program().filter(|p| p.blocked()).cloned());
    if asleep.is_ok() {
        let sent = kill(running.pid(), TERM);
        assert_eq!(sent, Ok(()), "a program that has not been reaped can be signalled");
    }
    let outcome = running.finish();
    if outcome.exit == Exit::Deadline
        && let Some(program) = outcome.snapshot.program().filter(|p| p.state == State::Sleeping)
    {
        // Where it can be recorded, that tells of SA_RESTART.
        if let Some(seen) = run(&Folder::new()).recorded().record() {
            seen.must(be_interrupted_by(TERM));
        }
        hang(program).saw_all(outcome.snapshot.explain()).fail();
    }
    outcome.must_end();
    must_have_tidied_up(&outcome, &files);
}

/// Why a program sleeps that was sent SIGTERM.
fn hang(program: &Process) -> Verdict {
    let signals = &program.signals;
    if signals.ignored.contains(&TERM) {
        return Verdict::new("SIGTERM is ignored: nobody can ask this program to stop.").ask(
            "Ignoring a signal and catching it have one thing in common. What is the difference?",
        );
    }
    if signals.pending.contains(&TERM) {
        return Verdict::new(
            "SIGTERM has come, and waits outside: the program blocks it while it sleeps.",
        )
        .ask("Who unblocks it, and when?");
    }
    Verdict::new("The handler of SIGTERM has run, and the program sleeps on, for a next job.")
        .saw("SIGTERM was sent while it slept, and is no longer pending")
        .ask("The read was interrupted, so `next_job` has returned. Who looks at the note after that?")
}

/// Fails if the handler has run, and SIGTERM has ended the program all the same.
fn must_be_set_for_more_than_one(seen: &Recorded) {
    let handled = |step: &&Seen| step.sentence.contains("its handler runs");
    let Some(first) = seen.steps.iter().find(handled) else { return };
    let last = seen.steps.iter().rev().find(|step| step.sentence.contains("SIGTERM"));
    // By whichever function of a library.
    let sets = |step: &&Seen| {
        step.event.step > first.event.step
            && step.begins() == Some("rt_sigaction")
            && step.sentence.contains("SIGTERM")
    };
    let again = seen.steps.iter().find(sets);
    let verdict = match again {
        Some(_) => Verdict::new("A second SIGTERM has ended it: what was set for the signal was set anew when the first one had come.")
            .ask("Who may send a second SIGTERM, and in the middle of what would it end the program?"),
        None => Verdict::new("A second SIGTERM has ended it: the handler was set for the first one only.")
            .ask("sigaction(2): what becomes of a handler when it has run once, and which flag says so?"),
    };
    verdict
        .saw(first.to_string())
        .saw_all(again.map(ToString::to_string))
        .saw_all(last.map(ToString::to_string))
        .fail();
}

#[test]
fn the_job_in_hand_is_finished_and_no_other_begun() {
    grader::worth(3);
    let (files, mut seed) = (Folder::new(), Seed::of("in the middle"));
    let jobs = jobs(&mut seed);
    let number = seed.random().usize(2..=4);
    // And once more, where it tidies up: by either name.
    let signals = [format!("write:{number}"), "unlink".into(), "unlinkat".into()];
    let signals = signals.map(|call| Injection::signal(&format!("P1:{call}=TERM")));
    let run = run(&files).stdin(jobs.join("\n") + "\n").recorded().show_allocations();
    let run = signals
        .into_iter()
        .fold(run, |run, signal| run.inject(signal.expect("it is well written")));
    let Some(seen) = run.record() else { return };
    // A handler that does too much may do it to itself or to others: it is looked at first.
    seen.must(stay_safe_in_handlers()).must(print_nothing_in_handlers());
    if seen.outcome.exit == Exit::Signal(TERM as i32) {
        must_be_set_for_more_than_one(&seen);
        must_have_tidied_up(&seen.outcome, &files);
    }
    seen.must(end_by_itself());
    // Who keeps its reports until the end has written none by then.
    if seen.unmet.iter().all(|unmet| unmet.at.call != "write") {
        must_finish_one_job(&seen, &jobs, &seed);
    }
    must_have_tidied_up(&seen.outcome, &files);
    must_hear_two();
}

/// Fails unless the job that was in hand when SIGTERM came is the last that was done.
fn must_finish_one_job(seen: &Recorded, jobs: &[String], seed: &Seed) {
    let (done, before) = (done(&seen.outcome), reported_before(seen));
    let what = format!(
        "SIGTERM came when {before} of {} jobs were reported, and one more was in hand; done were {done:?}",
        jobs.len()
    );
    if done.len() > before + 1 {
        Verdict::new("SIGTERM has come, and the program goes on with its jobs.")
            .saw(what)
            .ask("When is the note looked at, and when could it be?")
            .replay(seed)
            .fail();
    }
    // What else a program says, it may say between two jobs.
    let least = before + usize::from(other_lines(&seen.outcome) == 0);
    if done.len() < least || done[..] != jobs[..done.len()] {
        Verdict::new("A job that was in hand when SIGTERM came was never finished.")
            .saw(what)
            .ask("What was the program in the middle of, and who has gone on with it?")
            .replay(seed)
            .fail();
    }
}

/// How many jobs were reported before SIGTERM came for the first time, in however many writes.
fn reported_before(seen: &Recorded) -> usize {
    let comes = |step: &Seen| {
        step.begins().or(step.returns()).is_none() && step.sentence.contains("SIGTERM")
    };
    let (mut text, mut reported) = ("", 0);
    for step in seen.steps.iter().take_while(|step| !comes(step)) {
        if step.begins().is_some_and(|call| call.starts_with("write")) {
            text = &step.sentence;
        } else if step.returns().is_some_and(|call| call.starts_with("write")) {
            let ours = !text.contains(" write(2, ") && text.contains(": done\\n");
            reported += usize::from(ours);
        }
    }
    reported
}

/// Half of a job is there when SIGTERM comes, and comes once more; then the other half, and another job.
fn must_hear_two() {
    let files = Folder::new();
    let mut running = run(&files).stdin_later().start();
    let rests = |running: &mut Running| {
        let reads = |p: &&Process| p.waits_to_read(0) == Some(true);
        let asleep = |p: &&Process| reads(p) && p.signals.pending.is_empty();
        running.until(|now| now.program().filter(asleep).cloned())
    };
    // SIGTERM may be heard without a handler, which needs no second look, and who doesn't hear it is told so elsewhere.
    if !rests(&mut running).is_ok_and(|program| program.signals.caught.contains(&TERM)) {
        return;
    }
    running.say(b"half ");
    for _ in 0..2 {
        if rests(&mut running).is_ok() {
            let sent = kill(running.pid(), TERM);
            assert_eq!(sent, Ok(()), "a program that has not been reaped can be signalled");
        }
    }
    let heard = rests(&mut running).is_ok();
    if heard {
        running.tell(b"a job\nanother\n");
    }
    let outcome = running.finish();
    outcome.must_end();
    let done = done(&outcome);
    let what = format!("half of a job had been read when SIGTERM came twice; done were {done:?}");
    if !heard || done.is_empty() {
        Verdict::new("A job of which half had been read when SIGTERM came was never finished.")
            .saw(what)
            .saw(outcome.ending())
            .saw_all(outcome.complaint())
            .ask("What does `next_job` do with the half that it has? What has the handler changed for it?")
            .fail();
    }
    if done.len() > 1 {
        Verdict::new("SIGTERM has come twice, and the program goes on with its jobs: the second one has undone what the first one had noted.")
            .saw(what)
            .ask("What stands in the note after the handler has run once, and what after the second time?")
            .fail();
    }
    must_have_tidied_up(&outcome, &files);
}

#[test]
fn the_handler_may_come_between_any_two_instructions() {
    grader::worth(1);
    let files = Folder::new();
    let mut running = run(&files).stdin_later().start();
    let asleep = running.until(|now| now.program().filter(|p| p.blocked()).cloned());
    let Ok(program) = asleep else {
        let outcome = running.finish();
        outcome.must_end();
        Verdict::new("The program does not wait for its first job.")
            .saw(outcome.ending())
            .saw_all(outcome.complaint())
            .ask("What does `told_to_stop` say before any signal has come?")
            .fail()
    };
    // SIGTERM may be heard without a handler, and who doesn't hear it is told so elsewhere.
    if !program.signals.caught.contains(&TERM) {
        return;
    }
    match running.signal_between_instructions(TERM, |running| running.tell(b"a job\n")) {
        Between::Through(_) => {}
        Between::Refused(errno) => grader::skip("SIGTERM between any two instructions", errno.desc()),
        Between::Locks(times) => Verdict::new("The handler of SIGTERM waits for a lock.")
            .saw(format!("SIGTERM came after each instruction behind a job's `println!`; the {times}. time, the program had the lock"))
            .ask("Who holds the lock, and when can that one go on and give it back?")
            .fail(),
    }
}

/// How many lines there are that report no job, and are not the last word.
fn other_lines(outcome: &Outcome) -> usize {
    let text = [&outcome.stdout[..], &outcome.stderr[..]].concat();
    let text = String::from_utf8_lossy(&text).into_owned();
    text.lines().filter(|line| !line.ends_with(": done") && *line != "tidied up").count()
}
