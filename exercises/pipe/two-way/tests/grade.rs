//! What must have been heard in `two-way`, by both, without anybody waiting for ever.
//!
//! A pipe holds 64 KiB, so of a mebibyte each nothing gets through unless somebody reads while the other writes. Where the
//! processes are run one at a time, either of them is the slow one.

mod faults;

use faults::{must_not_go_by_bytes, must_report_what_was_read, must_say_the_rest};
use grader::facts::{
    end_by_itself, leave_to_its_children, never_sleep_by_the_clock, never_spin, read_in_all,
    reap_every_child, wait_as_a_parent_only,
};
use grader::{Exit, Outcome, Policy, Process, Recorded, Run, Seed, Seen, Verdict};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

const MEBIBYTE: usize = 1 << 20;
/// As much as a pipe holds. In a recorded run each call takes its time.
const RECORDED: usize = 1 << 16;
/// How long it may take who says and hears a few bytes at a time, on a busy machine, and with a recorder that looks at each call.
const IN_PIECES: Duration = Duration::from_secs(6);
const IN_PIECES_RECORDED: Duration = Duration::from_secs(30);

fn run(size: usize) -> Run {
    Run::new(grader::program!("two-way")).arg(size.to_string())
}

/// A run, and the lines that were said in it.
struct Talk {
    outcome: Outcome,
    said: Vec<String>,
    size: usize,
}

impl Talk {
    /// Runs it, and hears what is said until its end or its deadline, and not what somebody says whose partner the grader has ended.
    fn of(size: usize) -> Self {
        let mut running = run(size).deadline(IN_PIECES).may_compute().start();
        let said = std::iter::from_fn(|| running.line().ok()).collect();
        Self { outcome: running.finish(), said, size }
    }

    /// What was said in a recorded run.
    fn recorded(seen: &Recorded, size: usize) -> Self {
        let text = String::from_utf8_lossy(&seen.outcome.stdout).into_owned();
        let said = text.lines().map(str::to_owned).collect();
        Self { outcome: seen.outcome.clone(), said, size }
    }

    /// What `report` said of somebody: how many bytes of each letter.
    fn heard(&self, who: &str) -> Option<Vec<(usize, char)>> {
        let start = format!("the {who} heard ");
        let line = self.said.iter().find_map(|line| line.strip_prefix(&start))?;
        let letters = line.split(" and ").filter_map(|part| part.split_once(" x "));
        let letters =
            letters.filter_map(|(count, letter)| Some((count.parse().ok()?, letter.parse().ok()?)));
        Some(letters.collect())
    }

    /// The first lines, as evidence.
    fn said(&self) -> impl Iterator<Item = String> {
        self.said.iter().take(4).map(|line| format!("said: {line}"))
    }
}

/// The pipe at which a process waits for something to read.
fn reads_from(process: &Process) -> Option<&Path> {
    let readable = process.descriptors.iter().filter(|d| !d.writable);
    let waits = readable.into_iter().find(|d| process.waits_to_read(d.number) == Some(true));
    waits.map(|descriptor| descriptor.target.as_path())
}

/// One pipe for both directions.
fn own_words() -> Verdict {
    Verdict::new(
        "One pipe serves both directions: whoever reads from it may get its own words back.",
    )
    .ask("What says of a byte in a pipe by whom it was written, and for whom?")
}

/// Why everybody waits.
fn must_not_hang(outcome: &Outcome) {
    let now = &outcome.snapshot;
    if outcome.exit != Exit::Deadline {
        return;
    }
    let writing =
        |p: &&Process| matches!(p.call_name(), Some("write" | "writev" | "sendto" | "sendmsg"));
    let writers: Vec<_> = now.processes.iter().filter(|p| p.blocked()).filter(writing).collect();
    let readers: Vec<_> = now.processes.iter().filter_map(|p| Some((p, reads_from(p)?))).collect();
    let holds =
        |p: &Process, target: &Path| p.descriptors.iter().any(|d| d.writable && d.target == target);
    let verdict = if let [(_, one), (_, other), ..] = readers.as_slice()
        && one == other
    {
        own_words()
    } else if let [one, other, ..] = writers.as_slice() {
        Verdict::new("Both are writing, and nobody reads: each waits for the other to make room.")
            .saw(format!("pid {} can't go on before pid {} reads", one.pid, other.pid))
            .saw(format!("pid {} can't go on before pid {} reads", other.pid, one.pid))
            .ask(
                "How much fits into a pipe? Which of the two is to read meanwhile, and until when?",
            )
    } else if let [writer] = writers.as_slice()
        && writer.pid != now.program
        && now.program().is_some_and(|p| matches!(p.call_name(), Some("wait4" | "waitid")))
    {
        Verdict::new("The parent waits for its child's end before it listens, and the child can't end before somebody does.")
            .saw(format!("pid {} can't go on before pid {} reads", writer.pid, now.program))
            .ask("What is still to be said when the parent begins to wait, and how much of that fits into a pipe?")
    } else if let Some((reader, _)) = readers.iter().find(|(p, target)| holds(p, target)) {
        Verdict::new(format!(
            "{} waits for the end of what it is told, and keeps it from coming itself.",
            now.title(reader)
        ))
        .ask("When does a pipe have an end, and which of its write ends are still open here?")
    } else if readers.len() >= 2 {
        Verdict::new("Both listen: each waits for the other to say something more, or to end by closing its pipe.")
            .ask("Who speaks first, and how does the other one know that all has been said?")
    } else {
        return outcome.must_end();
    };
    verdict.saw_all(now.explain()).fail()
}

/// Fails if somebody has heard something else than it was told. Who has not come to say it yet is spared.
fn must_not_have_misheard(talk: &Talk, seed: &Seed) {
    let (outcome, size) = (&talk.outcome, talk.size);
    for (who, letter, own) in [("child", 'p', 'c'), ("parent", 'c', 'p')] {
        let verdict = match talk.heard(who).as_deref() {
            None => continue,
            Some([(count, found)]) if (*count, *found) == (size, letter) => continue,
            Some([(_, found)]) if *found == own => Verdict::new(format!("The {who} is said to have heard its own words."))
                .ask("Who may take what is in a pipe? And which of the two processes calls `report` with that name?"),
            Some(heard) if heard.iter().any(|(_, found)| *found == own) => own_words(),
            Some([]) => Verdict::new(format!("The {who} has heard nothing of what it was told."))
                .ask("Who speaks there, and has all been said when the process ends? And who listens: until when?"),
            Some(heard) if heard.iter().map(|(count, _)| count).sum::<usize>() < size => {
                Verdict::new(format!("The {who} has heard a part only of what it was told."))
                    .ask("Which answer says that no more will come: a few bytes, the POLLHUP of a poll, or a read that returns 0?")
            }
            Some(_) => Verdict::new(format!("The {who} has heard more than it was told."))
                .ask("Which bytes were written twice, or counted twice?"),
        };
        verdict
            .saw(format!("the {who} was told {size} x {letter}"))
            .saw_all(talk.said())
            .saw(outcome.ending())
            .saw_all(outcome.complaint())
            .replay(seed)
            .fail();
    }
}

/// Fails unless each has heard all that the other had to say.
fn must_have_arrived(talk: &Talk, seed: &Seed) {
    let outcome = &talk.outcome;
    must_not_have_misheard(talk, seed);
    must_not_hang(outcome);
    outcome.must_end();
    outcome.must_come_back_once("exchange", "the child has ended");
    if let Some(who) = ["child", "parent"].into_iter().find(|who| talk.heard(who).is_none()) {
        Verdict::new(format!("The {who} never said what it has heard."))
            .saw_all(talk.said())
            .saw(outcome.ending())
            .saw_all(outcome.complaint())
            .ask("Which process calls `report`, and does it come that far?")
            .fail();
    }
    if outcome.exit != Exit::Code(0) {
        Verdict::new("All has arrived, but the program does not report success.")
            .saw(outcome.ending())
            .saw_all(outcome.complaint())
            .ask("Which call failed, and in which process?")
            .fail();
    }
    outcome.must_leave_nobody();
}

/// Whether two have waited in the end for something to read from the same pipe.
fn both_wait_at_one_pipe(seen: &Recorded) -> bool {
    let pipe = |line: &String| {
        let (_, rest) = line.split_once(": waits for data in ")?;
        Some(rest.split(';').next().unwrap_or(rest).to_owned())
    };
    let mut pipes: Vec<String> = seen.stuck.iter().filter_map(pipe).collect();
    pipes.sort();
    pipes.windows(2).any(|two| two[0] == two[1])
}

/// Fails if somebody tries to read and to write by turns, again and again in vain, and never sleeps in between.
fn must_not_try_in_vain(seen: &Recorded) {
    let mut in_vain: BTreeMap<String, Vec<&Seen>> = BTreeMap::new();
    for step in &seen.steps {
        let tried = in_vain.entry(step.event.task.to_string()).or_default();
        if step.blocked.is_some() || step.result().is_some_and(|it| it > 0) {
            tried.clear();
        }
        tried.extend(step.sentence.contains("EAGAIN").then_some(step));
        // Two in a row are one who has read all, and written all that there is room for.
        if tried.len() == 3 {
            Verdict::new(
                "Somebody tries to read and to write again and again, in vain, and never sleeps.",
            )
            .saw_all(tried.iter().map(ToString::to_string))
            .ask("Which call sleeps until there is something to read, or room to write?")
            .fail();
        }
    }
}

#[test]
fn a_few_bytes_arrive_both_ways() {
    grader::worth(1);
    let mut seed = Seed::of("few");
    let size = seed.random().usize(2..=999);
    must_have_arrived(&Talk::of(size), &seed);
}

#[test]
fn a_mebibyte_arrives_both_ways() {
    grader::worth(3);
    let mut seed = Seed::of("mebibyte");
    let size = MEBIBYTE + seed.random().usize(1..=9999);
    must_have_arrived(&Talk::of(size), &seed);
}

#[test]
fn it_does_so_whoever_is_the_faster_one() {
    grader::worth(2);
    let mut seed = Seed::of("faster");
    must_not_go_by_bytes();
    for policy in [Policy::ParentFirst, Policy::ChildFirst, Policy::Random] {
        let size = RECORDED + seed.random().usize(1..=9999);
        let chance = seed.random().u64(..);
        // Who hangs, or spins, is noticed without a deadline.
        let run = run(size).deadline(IN_PIECES_RECORDED).may_compute();
        let Some(seen) = run.recorded().policy(policy).seed(chance).record() else { return };
        if both_wait_at_one_pipe(&seen) {
            own_words().saw_all(seen.stuck.iter().cloned()).fail();
        }
        seen.must(end_by_itself()).must(leave_to_its_children("the child heard"));
        must_have_arrived(&Talk::recorded(&seen, size), &seed);
        seen.must(read_in_all(2 * size as u64));
        seen.must(never_spin()).must(never_sleep_by_the_clock());
        must_not_try_in_vain(&seen);
    }
    // A child that takes its time before it says anything.
    let Some(seen) = run(9).recorded().slow_child(&["read", "write"]).record() else { return };
    seen.must(never_spin()).must(never_sleep_by_the_clock());
    must_not_try_in_vain(&seen);
    // A child that takes its time to end, when everything is said.
    let Some(seen) = run(9).recorded().slow_child(&["exit_group"]).record() else { return };
    seen.must(reap_every_child()).must(wait_as_a_parent_only());
    must_say_the_rest(&seed);
    must_report_what_was_read();
}
