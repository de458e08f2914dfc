//! What must have come out of `atomic-records`, and in which calls.
//!
//! A record that is written in two calls comes out whole most of the time. So the recorder holds every writer before each
//! of its writes until all others have come to one as well: whoever leaves a gap has another one's bytes in it, every time.

use grader::facts::*;
use grader::{Exit, Injection, Outcome, Recorded, Run, Seed, Verdict};

const PIPE_BUF: usize = 4096;
const WRITERS: usize = 4;

/// Texts of several records each.
fn texts(name: &str) -> (Vec<String>, Seed) {
    let mut seed = Seed::of(name);
    let mut text = |_| {
        let length = 2 * PIPE_BUF + seed.random().usize(1200..2000);
        (0..length).map(|_| seed.random().lowercase()).collect()
    };
    ((0..WRITERS).map(&mut text).collect(), seed)
}

fn run(texts: &[String]) -> Run {
    Run::new(grader::program!("atomic-records")).args(texts)
}

/// A text's beginning, for evidence.
fn head(text: &str) -> String {
    let head: String = text.chars().take(40).collect();
    if head.len() < text.len() {
        format!("{head:?}… ({} bytes)", text.len())
    } else {
        format!("{head:?}")
    }
}

/// Where a line is no record of anybody: what is wrong with it.
fn torn(output: &str, texts: &[String]) -> Option<String> {
    let mut rest: Vec<&str> = texts.iter().map(String::as_str).collect();
    for line in output.lines() {
        let Some((number, piece)) = line.split_once(':') else {
            return Some(format!("this line is no record: {}", head(line)));
        };
        let writer = number.parse().ok().filter(|number| (1..=texts.len()).contains(number));
        let Some(writer): Option<usize> = writer else {
            return Some(format!(
                "a line begins with {}, which is no writer's number",
                head(number)
            ));
        };
        match rest[writer - 1].strip_prefix(piece) {
            Some(more) => rest[writer - 1] = more,
            None => {
                let good =
                    piece.chars().zip(rest[writer - 1].chars()).take_while(|(a, b)| a == b).count();
                return Some(format!(
                    "a record of writer {writer} goes on after {good} bytes with what is not writer {writer}'s: {}",
                    head(&piece[good..])
                ));
            }
        }
    }
    None
}

/// Fails unless every text came out whole, in records that are not too long.
fn must_come_out_whole(outcome: &Outcome, texts: &[String], seed: &Seed, writes: &[String]) {
    let output = String::from_utf8_lossy(&outcome.stdout).into_owned();
    outcome.must_end();
    if let Some(torn) = torn(&output, texts) {
        let count =
            format!("writer 1 is P2, and has made {} writes; they begin with", writes.len());
        Verdict::new("A record was torn: in the middle of it, another writer has written.")
            .saw(torn)
            .saw_all((!writes.is_empty()).then_some(count))
            .saw_all(writes.iter().take(4).cloned())
            .saw_all(outcome.complaint())
            .ask("In how many calls does a record go out, and who can write in between?")
            .replay(seed)
            .fail();
    }
    if let Some(long) = output.lines().find(|line| line.len() + 1 > PIPE_BUF) {
        let length = long.len() + 1;
        Verdict::new(if length > PIPE_BUF + 20 {
            "A record is longer than PIPE_BUF: the kernel may tear it, and let another one in between."
        } else {
            "A record is a little too long, with all that belongs to it: the kernel may tear it."
        })
        .saw(format!("its length is {length} bytes, with number, colon and newline; PIPE_BUF is {PIPE_BUF}"))
        .ask("How much of the text may be in one record, and what belongs to it besides?")
        .fail();
    }
    for (number, text) in (1..).zip(texts) {
        let head = format!("{number}:");
        let sent: String = output.lines().filter_map(|line| line.strip_prefix(&head)).collect();
        if sent != *text {
            Verdict::new(format!("The text of writer {number} did not come out whole."))
                .saw(format!(
                    "it has {} bytes; its records have {} together",
                    text.len(),
                    sent.len()
                ))
                .saw(outcome.ending())
                .saw_all(outcome.complaint())
                .ask("What becomes of the part that doesn't fit into a record?")
                .replay(seed)
                .fail();
        }
    }
    outcome.must_leave_nobody();
    if outcome.exit != Exit::Code(0) {
        Verdict::new("All came out, and the program does not report success.")
            .saw(outcome.ending())
            .saw_all(outcome.complaint())
            .ask("Which call failed, and in which process?")
            .fail();
    }
}

/// Fails if one writer alone says what are no records: nobody could have torn them.
fn must_be_records(text: &[String], seed: &Seed) {
    let outcome = run(text).finish();
    outcome.must_end();
    let output = String::from_utf8_lossy(&outcome.stdout).into_owned();
    if let Some(wrong) = torn(&output, text) {
        Verdict::new("These are no records, though there is one writer only, and nobody who could tear them.")
            .saw(wrong)
            .saw(format!("what came out begins with {}", head(&output)))
            .saw_all(outcome.complaint())
            .ask("What stands at the beginning of each record, with which number, and what at its end?")
            .replay(seed)
            .fail();
    }
}

/// The run with every writer held before each of its writes, until all others have come to one.
fn held(texts: &[String]) -> Option<Recorded> {
    let hold = |call: &str| Injection::hold(&format!("{call}:*")).expect("it is well written");
    run(texts).recorded().inject(hold("write")).inject(hold("writev")).record()
}

#[test]
fn what_is_sent_comes_out_in_records() {
    grader::worth(1);
    let (texts, seed) = texts("atomic-records");
    must_be_records(&texts[..1], &seed);
    must_come_out_whole(&run(&texts).finish(), &texts, &seed, &[]);
    // The tenth writer's number is longer.
    let many: Vec<_> = (1..10).map(|_| "short".into()).chain(texts.into_iter().take(1)).collect();
    must_come_out_whole(&run(&many).finish(), &many, &seed, &[]);
}

#[test]
fn no_record_is_torn_when_all_write_by_turns() {
    grader::worth(2);
    let (texts, seed) = texts("atomic-records, by turns");
    must_be_records(&texts[..1], &seed);
    let Some(seen) = held(&texts) else { return };
    // The first writer, and how many calls it has made.
    let steps = seen.steps.iter().map(|step| &step.sentence);
    let writes: Vec<_> = steps.filter(|step| step.starts_with("P2 writes ")).cloned().collect();
    must_come_out_whole(&seen.outcome, &texts, &seed, &writes);
}

#[test]
fn no_write_is_longer_than_the_kernel_keeps_together() {
    grader::worth(2);
    let (texts, _) = texts("atomic-records, writes");
    let Some(seen) = run(&texts).recorded().record() else { return };
    seen.outcome.must_end();
    seen.must(write_to_pipes_at_most(PIPE_BUF as u64)).must(reap_every_child());
}
