//! How `broken-reader` must end: when all is said, when its reader leaves, and when a write fails for another reason.

use grader::facts::{meet_every_injection, survive_short_writes};
use grader::{Exit, Injection, Outcome, Recorded, Recording, Run, Seed, Seen, State, Verdict};

/// More lines than anybody hears before the deadline.
const ENDLESS: u64 = 1_000_000_000;

fn run(count: u64) -> Run {
    Run::new(grader::program!("broken-reader")).arg(count.to_string())
}

/// The calls by which bytes can go out. The first ones can be made to take a part only.
const WRITES: [&str; 6] = ["write", "writev", "sendfile", "splice", "pwritev2", "vmsplice"];
const SHORTENED: usize = 4;

/// Does this at each of these calls. What goes to standard error is spared.
fn inject(recording: Recording, calls: &[&str], does: impl Fn(&str) -> Injection) -> Recording {
    calls.iter().map(|call| does(call)).fold(recording, Recording::inject)
}

/// Records a run whose first write to standard output, by whichever call, fails with this error.
fn failing_with(error: &str, count: u64) -> Option<Recorded> {
    let fails = |call: &str| Injection::fail(&format!("{call}:1={error}"));
    inject(run(count).recorded(), &WRITES, |call| fails(call).expect("it is well written")).record()
}

/// Fails if nothing was written by any of these calls.
fn must_have_tried(seen: &Recorded) {
    if seen.unmet.len() == WRITES.len() {
        seen.must(meet_every_injection());
    }
}

/// Fails unless the program has ended with success, and without a word. `reader` says what has become of that one.
fn must_end_quietly(outcome: &Outcome, reader: &str) {
    let now = &outcome.snapshot;
    let program = now.program();
    let busy = program.is_some_and(|p| p.state == State::Running || !p.blocked());
    let panicked = String::from_utf8_lossy(&outcome.stderr).contains("failed printing to stdout");
    let verdict = match outcome.exit {
        Exit::Code(0) if outcome.complaint().is_none() => return,
        Exit::Deadline if busy => Verdict::new(
            "The reader has left, and the program goes on writing, with nobody to read it.",
        )
        .saw_all(now.explain())
        .ask("Each of these writes fails. Who looks at what it returns, and what will the next one return?"),
        Exit::Code(101) if panicked => Verdict::new(
            "`println!` panicked: its write has failed, and it has no other way to tell.",
        )
        .ask("Which macro hands the error to you, so that you can decide what it means?"),
        Exit::Signal(13) => Verdict::new("SIGPIPE has killed the program, in the middle of what it was doing.")
            .ask("Who decides what this signal does, and what would this program want to do before it ends?"),
        Exit::Code(0) => Verdict::new(
            "The reader has left, and the program complains of it, though it reports success.",
        )
        .ask("Where does standard error lead in `broken-reader | head`, and who wants to read that there?"),
        _ => {
            outcome.must_end();
            Verdict::new("The program takes it for an error that its reader has left.")
                .ask("Has anything gone wrong for whoever runs `broken-reader | head`, and what should they be told?")
        }
    };
    verdict.saw(reader.to_owned()).saw(outcome.ending()).saw_all(outcome.complaint()).fail()
}

/// The verdict on a program of which no line came, though it has many to say.
fn never_began(outcome: &Outcome) -> ! {
    // Who waits for memory is what the next one tells of.
    if !matches!(outcome.exit, Exit::Deadline | Exit::TooMuchMemory) {
        outcome.must_end();
    }
    Verdict::new("No line comes as long as there are more to say: the program keeps them all until it has the last.")
        .saw(outcome.ending())
        .saw_all(outcome.complaint())
        .ask("When can a reader leave whom nobody has told anything yet? And how much memory do all lines need?")
        .fail()
}

#[test]
fn all_lines_come_while_somebody_reads() {
    grader::worth(1);
    let mut seed = Seed::of("all lines");
    let count = seed.random().u64(500..2000);
    must_have_said(&run(count).finish(), count, &seed);
    // Standard output may be any file, and a disk nearly full: two writes take less than a line.
    let short = |call: &str, nth: &str| Injection::short(&format!("{call}:{nth}"));
    let short = |nth: &'static str| move |call: &str| short(call, nth).expect("it is well written");
    let recording = run(500).recorded();
    let recording = inject(recording, &WRITES[..SHORTENED], short("1=5"));
    let recording = inject(recording, &WRITES[..SHORTENED], short("2=1"));
    let Some(seen) = recording.record() else { return };
    seen.must(survive_short_writes());
    must_have_said(&seen.outcome, 500, &seed);
}

/// Fails unless so many lines were said, to a reader that stayed.
fn must_have_said(outcome: &Outcome, count: u64, seed: &Seed) {
    outcome.must_end();
    let wanted: String = (1..=count).map(|number| format!("line {number}\n")).collect();
    let said = String::from_utf8_lossy(&outcome.stdout).into_owned();
    if said != wanted {
        let wrong = said.lines().zip(wanted.lines()).find(|(said, wanted)| said != wanted);
        let at = wrong.map(|(said, wanted)| format!("where {wanted:?} was expected came {said:?}"));
        Verdict::new("Other lines came than were asked for.")
            .saw(format!("asked for {count} lines; {} came", said.lines().count()))
            .saw_all(at)
            .saw(outcome.ending())
            .saw_all(outcome.complaint())
            .ask("With which number does it begin, with which one does it end, and what is still in a buffer then?")
            .replay(seed)
            .fail();
    }
    if outcome.exit != Exit::Code(0) || outcome.complaint().is_some() {
        Verdict::new(
            "All lines came, and the program does not end with success and without a word.",
        )
        .saw("the reader stayed until the end")
        .saw(outcome.ending())
        .saw_all(outcome.complaint())
        .ask("What has gone wrong, and for whom?")
        .replay(seed)
        .fail();
    }
}

#[test]
fn it_ends_quietly_when_its_reader_leaves() {
    grader::worth(2);
    let mut seed = Seed::of("leaves");
    let heard = seed.random().usize(2..=9);
    let mut running = run(ENDLESS).start();
    for _ in 0..heard {
        if running.line().is_err() {
            never_began(&running.finish());
        }
    }
    running.stop_listening();
    must_end_quietly(&running.finish(), &format!("the reader left after {heard} lines"));
}

#[test]
fn it_ends_quietly_when_nobody_ever_reads() {
    grader::worth(1);
    let Some(seen) = failing_with("EPIPE", 3) else { return };
    must_end_quietly(&seen.outcome, "nobody was there to read when the first line was written");
    must_have_tried(&seen);
}

#[test]
fn another_error_is_still_an_error() {
    grader::worth(2);
    for (error, number) in [("ENOSPC", 28), ("EIO", 5)] {
        let Some(seen) = failing_with(error, 3) else { return };
        must_report(&seen, error, number);
    }
}

/// Fails unless the program has reported the error with which its first write has failed.
fn must_report(seen: &Recorded, error: &str, number: i32) {
    let outcome = &seen.outcome;
    outcome.must_end();
    must_have_tried(seen);
    let told = String::from_utf8_lossy(&outcome.stderr).contains(&format!("(os error {number})"));
    if outcome.exit == Exit::Code(2) && told {
        return;
    }
    let first = seen.steps.iter().find(|step| step.sentence.contains("line 1"));
    let failed = seen.steps.iter().find(|step| step.sentence.contains(error));
    let at_the_end = first.is_some_and(|step| step.sentence.contains("line 3"));
    // What was in a buffer may be tried once more at the end; the last line is new.
    let says = |step: &&Seen| step.begins().is_some() && step.sentence.contains("line 3");
    let after = |step: &&Seen| failed.is_some_and(|it| step.event.step > it.event.step);
    let next = seen.steps.iter().filter(says).find(after);
    let verdict = match outcome.exit {
        Exit::Code(0) if at_the_end => Verdict::new(
            "All lines went out in one write, which has failed, and the program reports success.",
        )
        .ask("Who looks at what that write returns? And if a buffer makes it that goes out of scope, whom does it tell?"),
        Exit::Code(0) if next.is_some() => Verdict::new(
            "A write has failed, and the program goes on as if nothing had been.",
        )
        .ask("Who looks at what a write returns, and what may be done about an error that is not of the reader's doing?"),
        Exit::Code(0) => Verdict::new(
            "A write has failed for another reason, and the program ends as if its reader had left.",
        )
            .ask("Which kinds of error can a write have, and which one of them means that nobody reads any more?"),
        Exit::Code(2) => Verdict::new("A write has failed, and another error is reported than that one.")
            .ask("Who has got the error from the kernel, and where does its number get lost?"),
        _ => Verdict::new("A write has failed, and the program ended otherwise than by reporting that.")
            .ask("What does `main` make of an error that `say_lines` returns?"),
    };
    verdict
        .saw_all(first.into_iter().chain(failed).chain(next).map(ToString::to_string))
        .saw(outcome.ending())
        .saw_all(outcome.complaint())
        .fail()
}
