//! What must have come out of `atomic-records`, and in which calls.
//!
//! A record that is written in two calls comes out whole most of the time. So the recorder holds every writer before each
//! of its writes until all others have come to one as well: whoever leaves a gap has another one's bytes in it, every time.

mod records;

use grader::facts::*;
use grader::{Exit, Injection, Outcome, Recorded, Run, Seed, Verdict};
use records::{PIPE_BUF, head, lines, must_be_short_enough, must_hand_over_whole_records, torn};

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

/// A text that begins with a blank and has more of them. Most of its characters have three bytes. Of three that are `shifted` by 0, 1 and 2 bytes,
/// wherever a record ends, it tears a character of two.
fn wide_text(shifted: usize, seed: &mut Seed) -> String {
    let mut text = format!(" {}", "x".repeat(shifted));
    while text.len() < 3 * PIPE_BUF {
        match seed.random().u8(..4) {
            0 => text.extend([' ', seed.random().lowercase(), seed.random().lowercase()]),
            _ => text.push(seed.random().char('\u{2200}'..'\u{2300}')),
        }
    }
    text
}

fn run(texts: &[String]) -> Run {
    Run::new(grader::program!("atomic-records")).args(texts)
}

/// Fails unless every text came out whole, in records that are not too long.
fn must_come_out_whole(outcome: &Outcome, texts: &[String], seed: &Seed, writes: &[String]) {
    let output = &outcome.stdout;
    outcome.must_end();
    if let Some(torn) = torn(output, texts) {
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
    must_be_short_enough(
        output,
        "How much of the text may be in one record, and what belongs to it besides?",
    );
    for (number, text) in (1..).zip(texts) {
        let head = format!("{number}:");
        let pieces = lines(output).filter_map(|line| line.strip_prefix(head.as_bytes()));
        let sent: Vec<u8> = pieces.flatten().copied().collect();
        if sent != text.as_bytes() {
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

/// Fails if one writer alone says what are no records, or another text: nobody could have torn them. Returns what was said.
fn must_be_records(text: &[String], seed: &Seed) -> Vec<u8> {
    let outcome = run(text).finish();
    outcome.must_end();
    if let Some(wrong) = torn(&outcome.stdout, text) {
        let verdict = if lines(&outcome.stdout).all(|line| line.starts_with(b"1:")) {
            Verdict::new("The records do not hold what the text does: some of its bytes were changed, or left out.")
                .ask("Who has said that a record is text, or that blanks do not count, and what was done to these bytes on the way?")
        } else {
            Verdict::new("These are no records, though there is one writer only, and nobody who could tear them.")
                .ask("What stands at the beginning of each record, with which number, and what at its end?")
        };
        verdict
            .saw(wrong)
            .saw(format!("what came out begins with {}", head(&outcome.stdout)))
            .saw_all(outcome.complaint())
            .replay(seed)
            .fail();
    }
    outcome.stdout
}

/// Fails if the tenth of several writers, the only one that has much to say, does not begin its records with its number.
fn must_know_its_number(outcome: &Outcome) {
    outcome.must_end();
    if lines(&outcome.stdout).any(|line| line.starts_with(b"10:")) {
        return;
    }
    let other = lines(&outcome.stdout).max_by_key(|line| line.len()).map(head);
    Verdict::new(
        "No line begins with 10 and a colon, and the tenth of ten writers has written a lot.",
    )
    .saw_all(other.map(|other| format!("the longest line is {other}")))
    .saw_all(outcome.complaint())
    .ask("How many digits may a writer's number have?")
    .fail()
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
    let outcome = run(&many).finish();
    must_know_its_number(&outcome);
    must_come_out_whole(&outcome, &many, &seed, &[]);
}

#[test]
fn a_text_is_any_bytes() {
    grader::worth(1);
    let mut seed = Seed::of("atomic-records, any bytes");
    let widest = (0..3 * PIPE_BUF).map(|_| seed.random().char('\u{1f300}'..'\u{1f600}')).collect();
    let texts: Vec<_> =
        (0..3).map(|shifted| wide_text(shifted, &mut seed)).chain([widest]).collect();
    for text in texts {
        let said = must_be_records(&[text], &seed);
        must_be_short_enough(
            &said,
            "What does PIPE_BUF count, and how much of that is a character?",
        );
    }
}

#[test]
fn no_record_is_torn_when_all_write_by_turns() {
    grader::worth(2);
    let (texts, seed) = texts("atomic-records, by turns");
    must_be_records(&texts[..1], &seed);
    let Some(seen) = held(&texts) else { return };
    // Who keeps out of the others' way by the clock is torn now and then only.
    seen.must(never_sleep_by_the_clock());
    // The first writer, and how many calls it has made.
    let steps = seen.steps.iter().map(|step| &step.sentence);
    let writes: Vec<_> = steps.filter(|step| step.starts_with("P2 writes ")).cloned().collect();
    must_come_out_whole(&seen.outcome, &texts, &seed, &writes);
    let Some(alone) = run(&texts[..1]).recorded().record() else { return };
    must_hand_over_whole_records(&alone);
}

#[test]
fn no_write_is_longer_than_the_kernel_keeps_together() {
    grader::worth(2);
    let (texts, _) = texts("atomic-records, writes");
    let Some(seen) = run(&texts).recorded().record() else { return };
    seen.outcome.must_end();
    seen.must(write_to_pipes_at_most(PIPE_BUF as u64)).must(reap_every_child());
}

#[test]
fn a_write_that_fails_is_told() {
    grader::worth(1);
    let fails = |call: &str| Injection::fail(&format!("{call}:1=EIO")).expect("it is well written");
    let recording = run(&["text".to_owned()]).recorded();
    let Some(seen) = recording.inject(fails("write")).inject(fails("writev")).record() else {
        return;
    };
    let outcome = &seen.outcome;
    outcome.must_end();
    let failed = seen.unmet.len() < 2;
    if !failed && outcome.stdout.is_empty() {
        Verdict::new("Nothing was written of a short text.")
            .saw("it has four bytes")
            .saw(outcome.ending())
            .saw_all(outcome.complaint())
            .ask("What becomes of a piece that does not fill a record?")
            .fail();
    }
    if failed && outcome.exit == Exit::Code(0) {
        Verdict::new("A write has failed, and the program reports success.")
            .saw("each first write to standard output fails with EIO, an error of the device")
            .saw_all(outcome.complaint())
            .ask("Who looks at what a write returns, and whom does `send` tell?")
            .fail();
    }
}
