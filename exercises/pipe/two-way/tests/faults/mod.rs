//! Where the kernel takes a part only of what is said, or nothing at all; and where it is asked to take hardly anything.

use crate::{Talk, must_have_arrived, run};
use grader::facts::end_by_itself;
use grader::{Injection, Recorded, Recording, Seed, Seen, Verdict};

/// Calls by which something is said.
const SAY: [&str; 4] = ["write", "writev", "sendto", "sendmsg"];
/// Calls by which something is heard.
const HEAR: [&str; 4] = ["read", "readv", "recvfrom", "recvmsg"];

/// A call that moves fewer bytes than this is hardly worth it.
const FEW: i64 = 16;

/// How many bytes were moved by these calls, where they are such steps.
fn moved(seen: &Recorded, calls: [&str; 4], by: impl Fn(&Seen) -> bool) -> usize {
    let counted = |step: &&Seen| step.returns().is_some_and(|it| calls.contains(&it)) && by(step);
    let counts = seen.steps.iter().filter(counted).filter_map(Seen::result);
    counts.filter_map(|count| usize::try_from(count).ok()).sum()
}

/// Fails if most is said, or heard, by calls of which each moves next to nothing: for all that is to be said, those are too many.
pub(crate) fn must_not_go_by_bytes() {
    let size = 997;
    let Some(seen) = run(size).recorded().record() else { return };
    for (calls, does) in [(SAY, "says"), (HEAR, "hears")] {
        let few = |step: &Seen| step.result().is_some_and(|count| (1..FEW).contains(&count));
        if moved(&seen, calls, few) < size {
            continue;
        }
        let is_one =
            |step: &&Seen| step.returns().is_some_and(|it| calls.contains(&it)) && few(step);
        let evidence = seen.steps.iter().filter(is_one).skip(9).take(2);
        Verdict::new(format!("Somebody {does} what is said byte by byte, or nearly so, with a call for each: a mebibyte takes too long that way."))
            .saw_all(evidence.map(ToString::to_string))
            .ask("What does a call cost, whatever it moves, and how many bytes could one of them move?")
            .fail();
    }
}

/// Fails if the rest is lost where the kernel takes a part only of what a write offers.
pub(crate) fn must_say_the_rest(seed: &Seed) {
    let size = 9001;
    let short = |call| Injection::short(&format!("{call}:*=4096")).expect("it is well written");
    // There is no such injection for the fourth.
    let shorts = SAY[..3].iter().map(short);
    let Some(seen) = shorts.fold(run(size).recorded(), Recording::inject).record() else { return };
    seen.must(end_by_itself());
    let (talk, outcome) = (Talk::recorded(&seen, size), &seen.outcome);
    // What was written, without what all can read.
    let said =
        moved(&seen, SAY, |_| true).saturating_sub(outcome.stdout.len() + outcome.stderr.len());
    let part = |who| {
        talk.heard(who)
            .is_some_and(|heard| heard.iter().map(|(count, _)| count).sum::<usize>() < size)
    };
    if said < 2 * size && ["child", "parent"].into_iter().any(part) {
        Verdict::new(
            "Of what a write offers, the kernel may take a part only, and then the rest is lost.",
        )
        .saw(format!(
            "each write takes 4096 bytes at most; {size} bytes are to be said by each of the two"
        ))
        .saw(format!("written by both together: {said} bytes"))
        .ask("What does write(2) return, and who offers the rest again?")
        .replay(seed)
        .fail();
    }
    must_have_arrived(&talk, seed);
}

/// Fails if somebody reports what it has not read. It was born with all that the other one was to say.
pub(crate) fn must_report_what_was_read() {
    let size = 9002;
    for speaker in ["P1", "P2"] {
        let fail = |call| Injection::fail(&format!("{speaker}:{call}:1=EIO"));
        let fails = SAY.map(|call| fail(call).expect("it is well written"));
        let run = fails.into_iter().fold(run(size).recorded(), Recording::inject);
        let Some(seen) = run.record() else { return };
        for (process, said) in seen.said() {
            let read = moved(&seen, HEAR, |step| step.process == process);
            let reports = ["child heard", "parent heard"].map(|who| format!("{who} {size} x "));
            let all = |line: &&str| reports.iter().any(|report| line.contains(report));
            if let Some(line) = said.lines().find(all).filter(|_| read < size) {
                Verdict::new(format!("{process} reports what it has not read: it was born with it."))
                    .saw(format!("the first write of {speaker} was made to fail"))
                    .saw(format!("{process} has read {read} bytes, and said: {line}"))
                    .ask("Which bytes are handed to `report`: those that came, or those that were to come?")
                    .fail();
            }
        }
    }
}
