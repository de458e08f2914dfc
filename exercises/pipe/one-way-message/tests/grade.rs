//! What the kernel must have seen of `one-way-message`.

use grader::facts::*;
use grader::{Exit, Injection, Outcome, Recorded, Run, Seed, Seen, Verdict};

/// More than a pipe holds, and less than an argument may be long.
const LONG: usize = 100_000;

/// A text of about so many bytes and several lines. All but its newlines are letters of two bytes, and from the second line on a piece of an even
/// length ends in the middle of one. No code that goes with it is one of those that a program ends with when something has gone wrong.
fn text(name: &str, about: usize) -> (String, Seed) {
    let mut seed = Seed::of(name);
    let length = about + seed.random().usize(10..90);
    let mut text = String::new();
    while text.len() < length {
        // The last byte is a newline, too: no letter is behind it.
        let ends = text.len() == 4 || text.len() + 2 >= length;
        text.push(if ends { '\n' } else { seed.random().char('à'..='ö') });
    }
    (text, seed)
}

/// The code that goes with a text.
fn code_of(text: &str) -> u8 {
    (text.len() % 100) as u8
}

fn run(text: &str) -> Run {
    Run::new(grader::program!("one-way-message")).arg(text)
}

/// Fails with what keeps the program from its end, where that is an end of a pipe.
fn must_end(outcome: &Outcome) {
    let now = &outcome.snapshot;
    if outcome.exit != Exit::Deadline {
        return outcome.must_end();
    }
    if let Some((reader, pipe)) = now.waiting_readers().into_iter().next() {
        let verdict = if pipe.is_written_by(reader.pid) {
            Verdict::new(
                "The child waits for itself: it reads from a pipe to which it can still write.",
            )
            .ask("When does a pipe end, and which of its ends is still open, and where?")
        } else {
            Verdict::new("The end of the pipe never comes: the parent can still write, and waits for its child meanwhile.")
                .ask("What does the child wait for, what does the parent, and who of them has to begin?")
        };
        verdict.saw_all(now.explain()).fail();
    }
    if let Some((writer, _)) = now.waiting_writers().into_iter().next() {
        Verdict::new("The text is longer than the pipe, and nobody is there who would read.")
            .saw(format!("{} {}", now.title(writer), now.describe(writer)))
            .saw(format!("processes of the run besides: {}", now.others().count()))
            .ask("How much does a pipe hold, and who must be there before that is full?")
            .fail();
    }
    outcome.must_end();
}

/// Whether somebody has heard all of `text`, but for letters of which each half was taken for text.
fn is_torn(heard: &str, text: &str) -> bool {
    let mut rest = text;
    let mut follows = |part: &str| {
        let Some((between, behind)) = rest.split_once(part) else { return false };
        rest = behind;
        between.chars().count() <= 1
    };
    let all = heard.split('\u{fffd}').filter(|part| !part.is_empty()).all(&mut follows);
    all && heard.contains('\u{fffd}') && rest.chars().count() <= 1
}

/// How many bytes two texts have in common at their beginning.
fn in_common(one: &str, other: &str) -> usize {
    one.bytes().zip(other.bytes()).take_while(|(one, other)| one == other).count()
}

/// Fails unless the child has said all of `text`, and the program has ended with its code.
fn must_hear_all(outcome: &Outcome, text: &str, seed: &Seed) {
    must_end(outcome);
    outcome.must_come_back_once("tell", "the child has ended");
    let said = String::from_utf8_lossy(&outcome.stdout).into_owned();
    // Half a letter at its end is no other text, and what was said besides is none of it.
    let whole = |heard: &str| heard.strip_prefix(text).is_some_and(|rest| rest.starts_with('\n'));
    let part = |heard: &'_ str| {
        heard.strip_suffix('\n').unwrap_or(heard).trim_end_matches('\u{fffd}').len()
    };
    let heard: Vec<(i32, &str)> = said
        .split("pid ")
        .filter_map(|line| line.split_once(" heard: "))
        .filter_map(|(pid, heard)| {
            Some((pid.parse().ok()?, if whole(heard) { text } else { &heard[..part(heard)] }))
        })
        .collect();
    let code = i32::from(code_of(text));
    // A child that has heard so many bytes more ends with another code.
    let more = said.split_once(text).map_or(0, |(_, rest)| rest.len().saturating_sub(1));
    let heard_more = outcome.exit == Exit::Code(((text.len() + more) % 100) as i32);
    let verdict = match heard.as_slice() {
        [(pid, _)] if *pid == outcome.snapshot.program.as_raw() => {
            Verdict::new("The one who speaks is the parent, and it should be the child.")
                .saw(format!("pid {pid} is the program itself"))
                .ask("Which of the two reads, and which one writes?")
        }
        [(_, heard)] if *heard == text && outcome.exit == Exit::Code(code) => {
            return outcome.must_leave_nobody();
        }
        [(_, heard)] if *heard == text && outcome.left_behind.is_empty() && heard_more => Verdict::new("The child heard more than TEXT.")
            .saw(format!("TEXT has {} bytes; behind them came {:?}", text.len(), &said[said.len() - more - 1..]))
            .saw(format!("expected: exit code {code}"))
            .ask("Which calls write more than the bytes that they are given?"),
        [(_, heard)] if *heard == text && outcome.left_behind.is_empty() => Verdict::new("The child heard everything, and its exit code was not handed on.")
            .saw(format!("expected: exit code {code}"))
            .ask("Where does the parent learn how its child has ended?"),
        [(_, heard)] if *heard == text => return outcome.must_leave_nobody(),
        [(_, heard)] if text.starts_with(heard) => Verdict::new(format!(
            "The child heard only the first {} of {} bytes.",
            heard.len(),
            text.len()
        ))
        .ask("What does one read(2) return when more bytes are still to come, and how does the child know that there are none?"),
        [(_, heard)] if is_torn(heard, text) => Verdict::new("The child has made text of each piece for itself, and letters were torn between two of them.")
            .ask("How many bytes can a letter have, and what becomes of half of one that is taken for text?"),
        [(_, heard)] => Verdict::new("The child heard something else than the parent was to say.")
            .saw(format!("the first {} of the {} bytes of TEXT are there; behind them is something else", in_common(heard, text), text.len()))
            .ask("Where does each write begin, and how much of the child's buffer has each read filled?"),
        [] if String::from_utf8_lossy(&outcome.stderr).contains("(os error 9)") => {
            Verdict::new("Each of them uses the other end of the pipe: EBADF.")
                .ask("pipe(2) returns two descriptors. Which one comes first?")
        }
        [] if !outcome.left_behind.is_empty() => return outcome.must_leave_nobody(),
        [] => Verdict::new("No child has said what it heard.")
            .ask("What has to happen in the child after it has read everything?"),
        [_, _, ..] => Verdict::new("What was heard was said more than once.")
            .ask("Which processes come to the line that says it?"),
    };
    verdict.saw(outcome.ending()).saw_all(outcome.complaint()).replay(seed).fail()
}

#[test]
fn the_child_hears_a_short_text() {
    grader::worth(1);
    let (text, seed) = text("one-way-message, short", 0);
    must_hear_all(&run(&text).finish(), &text, &seed);
}

#[test]
fn the_child_hears_a_text_that_is_longer_than_the_pipe() {
    grader::worth(2);
    let (text, seed) = text("one-way-message, long", LONG);
    must_hear_all(&run(&text).finish(), &text, &seed);
}

#[test]
fn it_comes_by_a_pipe_that_is_read_to_its_end() {
    grader::worth(2);
    let (text, _) = text("one-way-message, recorded", 3000);
    let Some(seen) = run(&text).recorded().record() else { return };
    // The cause, before the hang that comes of it.
    if let Exit::Code(_) = seen.outcome.exit {
        seen.outcome.must_end();
    }
    seen.must(hold_no_write_end_while_reading())
        .must(end_by_itself())
        .must(have_a_child_read_to_the_end())
        .must(have_children_read(text.len() as u64))
        .must(reap_every_child())
        .must(have_children_exit_with([code_of(&text)]));
}

/// A run in which this is done at each of two calls, whoever makes them.
fn with(text: &str, calls: [&str; 2], does: impl Fn(&str) -> Injection) -> Option<Recorded> {
    calls.into_iter().map(does).fold(run(text).recorded(), grader::Recording::inject).record()
}

/// How many bytes others than the first process have taken from pipes, by whichever call.
fn read_by_children(seen: &Recorded) -> i64 {
    let others = seen.steps.iter().filter(|step| step.process != seen.steps[0].process);
    let reads = others.filter(|step| step.sentence.contains(" from pipe "));
    reads.filter_map(Seen::result).filter(|count| *count > 0).sum()
}

#[test]
fn it_comes_by_the_pipe_alone_and_to_its_last_byte() {
    grader::worth(1);
    let (text, seed) = text("one-way-message, in pieces", 9000);
    // Of more than PIPE_BUF, the kernel may take a part only.
    let short =
        |call: &str| Injection::short(&format!("{call}:*=4096")).expect("it is well written");
    let Some(seen) = with(&text, ["write", "writev"], short) else { return };
    seen.must(survive_short_writes()).must(end_by_itself());
    must_hear_all(&seen.outcome, &text, &seed);
    // A child is born with all of TEXT: it must say what it has read, where nothing is written.
    let fail = |call: &str| Injection::fail(&format!("{call}:*=EIO")).expect("it is well written");
    let writes = ["P1:write", "P1:writev"];
    let Some(seen) = with(&text, writes, fail) else { return };
    // Who has a thread write has written all the same, whatever its first one had to say meanwhile.
    let failed = seen.unmet.len() < writes.len();
    let read = read_by_children(&seen);
    let heard = read >= text.len() as i64;
    if failed && !heard && String::from_utf8_lossy(&seen.outcome.stdout).contains(&text) {
        Verdict::new("The child says TEXT, though nothing of it has come to it by the pipe.")
            .saw(format!("each write of the parent was made to fail, and {read} bytes were read from pipes, of {}", text.len()))
            .ask("Which TEXT does it say: the one that it has read, or the one that it was born with?")
            .fail();
    }
}

#[test]
fn nobody_guesses_when_the_other_one_is_ready() {
    grader::worth(1);
    let (text, _) = text("one-way-message, slow", 3000);
    // The child waits for a parent that is slow, and the parent for a child that is.
    let hold = |call| Injection::hold(&format!("P1:{call}:1=P2:exit_group:1"));
    let held = ["write", "writev"].map(|call| hold(call).expect("it is well written"));
    let slow_parent = held.into_iter().fold(run(&text).recorded(), grader::Recording::inject);
    let Some(slow_parent) = slow_parent.record() else { return };
    if slow_parent.outcome.exit == Exit::Deadline {
        slow_parent.must(never_sleep_by_the_clock());
    }
    slow_parent.must(never_spin());
    let Some(seen) = run(&text).recorded().slow_child(&["read", "readv"]).record() else { return };
    seen.must(reap_every_child()).must(exit_with(code_of(&text)));
    for seen in [seen, slow_parent] {
        seen.must(never_spin()).must(never_sleep_by_the_clock()).must(set_no_timeout());
    }
}
