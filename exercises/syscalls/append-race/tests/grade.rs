//! What must stand in the log of `append-race`.
//!
//! The one writer is held just before it writes, until the other one has written: whoever has looked for the end before that
//! is seen to write over it each time, and not once in a million times. Where nobody may trace, it is left to luck, and four checks remain.

mod refused;

use grader::{Exit, Folder, Injection, Outcome, Policy, Recorded, Run, Seed, Seen, Verdict};
use refused::{must_be_reported, says};

const LOG: &str = "log.txt";
/// The calls by which a record may be written.
const WRITES: [&str; 3] = ["write", "writev", "pwrite64"];

fn run(folder: &Folder, count: usize) -> Run {
    Run::new(grader::program!("append-race"))
        .may_write(folder.path())
        .arg(folder.path().join(LOG))
        .arg(count.to_string())
}

/// What stands in the log from the start: more than the writers write.
fn before() -> String {
    "what stood there before\n".repeat(300)
}

/// What stands in the log now.
fn log(folder: &Folder) -> String {
    String::from_utf8_lossy(&folder.read(LOG).unwrap_or_default()).into_owned()
}

/// The records of both writers that are not there.
fn missing(text: &str, count: usize) -> Vec<String> {
    let all = (1..=count).flat_map(|number| [format!("Anna {number}"), format!("Bert {number}")]);
    all.filter(|record| !lines(text).any(|line| line == record)).collect()
}

/// The lines, with whatever stands before each newline: `str::lines` would leave out a carriage return.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.split_terminator('\n')
}

fn is_record(line: &str, count: usize) -> bool {
    (1..=count).any(|number| line == format!("Anna {number}") || line == format!("Bert {number}"))
}

/// What is wrong with the log, if anything is, told without a guess at where it comes from.
fn against(text: &str, count: usize, before: &str) -> Option<Verdict> {
    let missing = missing(text, count);
    let added = text.strip_prefix(before).unwrap_or_default();
    let stray = lines(added).find(|line| !is_record(line, count));
    let times = |record: &str| lines(added).filter(|line| *line == record).count();
    let double = lines(added).find(|record| times(record) > 1);
    let verdict = if !text.starts_with(before) {
        let emptied = !text.contains(&before[before.len() / 2..]);
        let what = if emptied { "is gone: LOG was emptied" } else { "is written over" };
        Verdict::new(format!("What stood in LOG before {what}."))
            .ask("Where does a write begin, after which way of opening?")
    } else if added.is_empty() {
        Verdict::new("No record is in LOG: nothing was written.")
            .ask("Who keeps the bytes, and when does that one write them?")
    } else if added.contains('\r') {
        Verdict::new(
            r#"A line has a carriage return at its end, "\r", which belongs to no record."#,
        )
        .ask("Which byte ends a line here, and for whom is the other one a part of the record?")
    } else if !added.contains('\n') {
        Verdict::new(
            "A record is no line of its own: in all that was written, there is no newline.",
        )
        .ask("Which byte ends a line, and who writes it?")
    } else if let Some(first) = missing.first() {
        let anywhere = text.contains(first.as_str());
        let cause = if anywhere { "is no line of its own" } else { "is lost" };
        Verdict::new(format!("A record {cause}: {first:?}."))
            .saw(format!("{} of {} records are missing", missing.len(), 2 * count))
            .ask("With how many calls is a record written, and what may happen between them?")
    } else if let Some(stray) = stray {
        Verdict::new(format!("A line in LOG is no record: {stray:?}."))
            .ask("Where does a line end, and where does the next one begin?")
    } else if let Some(double) = double {
        Verdict::new(format!(
            "A record was added once, and stands there {} times: {double:?}.",
            times(double)
        ))
        .ask("How often is a record written, and by how many calls?")
    } else if !added.ends_with('\n') {
        Verdict::new("The last record's line does not end: whoever writes next continues it.")
            .ask("Which byte is the last one of a line?")
    } else {
        return None;
    };
    Some(verdict.saw(shown(text, before)))
}

/// What was written, as evidence.
fn shown(text: &str, before: &str) -> String {
    let (place, text) = match text.strip_prefix(before) {
        Some(rest) if !before.is_empty() => ("behind what stood there before, LOG has", rest),
        _ => ("LOG begins with", text),
    };
    format!("{place} {:?}", text.chars().take(120).collect::<String>())
}

/// Whether a writer has ended with an error.
fn gave_up(outcome: &Outcome) -> bool {
    outcome.exit == Exit::Code(1) && outcome.complaint().is_some()
}

fn a_writer_gave_up(outcome: &Outcome) -> Verdict {
    if says(outcome, "(os error 13)") {
        return Verdict::new("One writer has made LOG so that the other one may not open it.")
            .ask("open(2), on `mode`: who may do what with a file that is made?");
    }
    Verdict::new("A writer could not open LOG, or not write to it, and has ended with an error.")
        .ask("For what was LOG opened, and which of the things asked for go together?")
}

fn must_be_whole(folder: &Folder, outcome: &Outcome, count: usize, before: &str, seed: &Seed) {
    outcome.must_end();
    let verdict = match against(&log(folder), count, before) {
        _ if gave_up(outcome) && says(outcome, "(os error 2)") => {
            Verdict::new("LOG is not made, where it was not there.")
                .ask("Which flag of open(2) makes a file?")
        }
        Some(_) if gave_up(outcome) => a_writer_gave_up(outcome),
        Some(verdict) => verdict,
        None if outcome.exit == Exit::Code(0) => return,
        None => Verdict::new("All records are there, and the program does not report success.")
            .ask("Which call failed?"),
    };
    verdict.saw(outcome.ending()).saw_all(outcome.complaint()).replay(seed).fail()
}

fn must_not_have_given_up(outcome: &Outcome) {
    if gave_up(outcome) {
        a_writer_gave_up(outcome).saw(outcome.ending()).saw_all(outcome.complaint()).fail();
    }
}

#[test]
fn what_stood_there_before_stays() {
    grader::worth(1);
    let mut seed = Seed::of("before");
    let folder = Folder::new();
    folder.put(LOG, before());
    let count = seed.random().usize(2..6);
    let outcome = run(&folder, count).finish();
    must_be_whole(&folder, &outcome, count, &before(), &seed);
}

#[test]
fn a_log_that_is_not_there_is_made() {
    grader::worth(1);
    let seed = Seed::of("new");
    // Whoever looks whether it is there has looked by then, and makes it afterwards.
    for nth in [1, 2] {
        let folder = Folder::new();
        let holds =
            ["open", "openat"].map(|call| held_until(&format!("P2:{call}:{nth}=P3:write:1")));
        let run = run(&folder, 2).recorded().policy(Policy::ChildFirst);
        let held = holds.into_iter().fold(run, grader::Recording::inject);
        let Some(seen) = held.record() else { break };
        must_not_have_been_made_twice(&seen);
        must_be_whole(&folder, &seen.outcome, 2, "", &seed);
    }
    // Who has made it is held before its second write: that one goes to the end, too.
    for (maker, other) in [("P2", "P3"), ("P3", "P2")] {
        let folder = Folder::new();
        let holds = WRITES.map(|call| held_until(&format!("{maker}:{call}:2={other}:{call}:1")));
        let held = holds.into_iter().fold(run(&folder, 2).recorded(), grader::Recording::inject);
        let Some(seen) = held.record() else { break };
        must_be_whole(&folder, &seen.outcome, 2, "", &seed);
    }
    let folder = Folder::new();
    let outcome = run(&folder, 2).finish();
    must_be_whole(&folder, &outcome, 2, "", &seed);
}

/// Fails if Anna (P2), held before she opens LOG until Bert has made it and written to it, makes it anew, or can't.
fn must_not_have_been_made_twice(seen: &Recorded) {
    let held = seen.steps.iter().skip_while(|step| !step.sentence.contains(" holds P2 "));
    // Who is told by O_EXCL that it is there, and opens it then, has lost nothing.
    let flag = if gave_up(&seen.outcome) { "O_EXCL" } else { "O_TRUNC" };
    let opens =
        |step: &&Seen| step.sentence.contains("P2 calls open") && step.sentence.contains(flag);
    if let Some(step) = held.into_iter().find(opens) {
        Verdict::new("A writer makes LOG as if it were not there, when the other one has made it already, and written.")
            .saw("P2 was held before it opened LOG, until P3 had written")
            .saw(step.to_string())
            .saw_all(seen.outcome.complaint())
            .ask("How old is the answer to whether LOG is there, and which flag makes it only then, in one step with the opening?")
            .fail();
    }
}

#[test]
fn hundreds_of_records_are_all_there() {
    grader::worth(1);
    let mut seed = Seed::of("many");
    let folder = Folder::new();
    folder.put(LOG, before());
    let count = seed.random().usize(200..300);
    let outcome = run(&folder, count).finish();
    must_be_whole(&folder, &outcome, count, &before(), &seed);
}

/// A recorded run in which Anna is held before this write of hers, until this one of Bert's is over.
fn held(folder: &Folder, nth: u32, until: u32) -> Option<Recorded> {
    folder.put(LOG, before());
    let holds = WRITES.map(|call| held_until(&format!("P2:{call}:{nth}=P3:{call}:{until}")));
    holds.into_iter().fold(run(folder, 2).recorded(), grader::Recording::inject).record()
}

/// Somebody before a call, until somebody else's is over.
fn held_until(text: &str) -> Injection {
    Injection::hold(text).expect("it is well written")
}

/// The steps of the two writers at which something is asked or written.
fn steps(seen: &Recorded) -> Vec<String> {
    let told = [" calls lseek(", " calls write(", " calls writev(", " calls pwrite64(", " holds "];
    let of_writers = seen.steps.iter().filter(|step| {
        told.iter().any(|it| step.sentence.contains(it) && !step.sentence.contains(") = "))
    });
    of_writers.take(6).map(ToString::to_string).collect()
}

#[test]
fn nobody_writes_over_what_came_in_between() {
    grader::worth(3);
    // Until Bert's first write is over, or his second: what he looked at in between is looked at no more.
    for until in [1, 2] {
        let folder = Folder::new();
        let Some(seen) = held(&folder, 1, until) else { return };
        must_not_be_written_over(&folder, &seen);
    }
}

fn must_not_be_written_over(folder: &Folder, seen: &Recorded) {
    seen.outcome.must_end();
    let text = log(folder);
    let Some(verdict) = against(&text, 2, &before()) else { return };
    must_not_have_given_up(&seen.outcome);
    let calls = |call: &str| seen.steps.iter().any(|step| step.sentence.contains(call));
    let rewinds =
        |step: &Seen| step.sentence.contains(" calls lseek(") && step.sentence.contains("SEEK_SET");
    let verdict = if !text.starts_with(&before()) && seen.steps.iter().any(rewinds) {
        Verdict::new("What stood in LOG before is written over: a writer goes back to the beginning (lseek, SEEK_SET) before it writes.")
            .ask("Where should a record begin, and who knows where that is at the moment of the write?")
    } else if !text.starts_with(&before()) {
        verdict
    } else if calls("P2 calls lseek(") {
        Verdict::new("There is a gap: Anna (P2) has gone to the end, and writes there later, when Bert (P3) has written already.")
            .ask("Which call goes to the end and writes in one step?")
    } else if calls("P3 calls pread64(") {
        Verdict::new("Bert (P3) looks whether his record stands there, and it does: Anna (P2) writes over it when he has looked.")
            .ask("How long is it true what one has seen in a file to which others write?")
    } else if calls("P2 calls pwrite64(") {
        Verdict::new("There is a gap: Anna (P2) has worked out where the end is, and it is there no more when she writes.")
            .ask("How old is a size when it is used, and who could look it up as a part of the write?")
    } else {
        verdict
    };
    let missing = missing(&text, 2);
    verdict.saw(format!("missing: {}", missing.join(", "))).saw_all(steps(seen)).fail()
}

#[test]
fn a_record_is_one_piece() {
    grader::worth(1);
    let folder = Folder::new();
    let Some(seen) = held(&folder, 2, 1) else { return };
    seen.outcome.must_end();
    let text = log(&folder);
    let Some(verdict) = against(&text, 2, &before()) else { return };
    must_not_have_given_up(&seen.outcome);
    if !text.starts_with(&before()) || !text.contains("Anna 1Bert") {
        verdict.saw_all(steps(&seen)).fail();
    }
    let newline_apart = seen.steps.iter().any(|step| step.sentence.contains(r#", "\n")"#));
    if !newline_apart {
        verdict.saw_all(steps(&seen)).fail();
    }
    Verdict::new("A record is written in pieces, and another one's comes in between.")
        .saw(shown(&text, &before()))
        .saw_all(steps(&seen))
        .ask("With how many calls is one record written, and how many of them does a `write!` or a `writeln!` make?")
        .fail()
}

#[test]
fn a_record_that_cannot_be_written_is_reported() {
    grader::worth(1);
    // Many: whoever writes anywhere comes to the limit. One each: what was taken of the first was not all of it.
    for count in [100, 1] {
        must_be_reported(count);
    }
}
