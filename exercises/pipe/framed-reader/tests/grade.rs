//! What `framed-reader` must make of a stream of bytes, whatever pieces the stream comes in.
//!
//! The pieces are the recorder's: it lets the kernel return no more than so many bytes from each read.

mod messages;

use grader::facts::{give_up_after, meet_every_injection};
use grader::{Exit, Injection, Outcome, Recorded, Recording, Run, Seed, Seen, Verdict};
use messages::{Pieces, framed, message, messages, must_have_said};

/// The calls by which bytes can come in.
const READS: [&str; 2] = ["read", "readv"];

/// Fails unless the program reports its success, and as many messages as there were.
fn must_succeed(outcome: &Outcome, count: usize, seed: &Seed) {
    let text = String::from_utf8_lossy(&outcome.stdout).into_owned();
    if outcome.exit != Exit::Code(0) || !text.ends_with(&format!("end after {count}\n")) {
        Verdict::new(
            "Every message came out, and then the end of the input was taken for an error.",
        )
        .saw(outcome.ending())
        .saw_all(outcome.complaint())
        .ask("Where has this input ended: between two messages, or within one?")
        .replay(seed)
        .fail();
    }
}

fn judge(outcome: &Outcome, sent: &[String], pieces: Pieces<'_>, seed: &Seed) {
    // Whoever takes the end for a message says so without end.
    if outcome.exit != Exit::TooMuchOutput {
        must_end(outcome, &framed(sent));
    }
    must_have_said(outcome, sent, pieces, seed, false);
    must_succeed(outcome, sent.len(), seed);
}

/// Fails unless the program ends. Who reads on and on at the end of this input is told so.
fn must_end(outcome: &Outcome, input: &[u8]) {
    if outcome.exit == Exit::Deadline
        && let Some(seen) =
            Run::new(grader::program!("framed-reader")).stdin(input).recorded().record()
        && seen.outcome.exit == Exit::Deadline
    {
        let at_the_end = |step: &&Seen| step.sentence.contains(" reads 0 bytes from ");
        let reads: Vec<_> = seen.steps.iter().filter(at_the_end).collect();
        if reads.len() > 100 {
            Verdict::new(
                "The input has ended, and the program reads on and on: each read returns 0.",
            )
            .saw(format!("{} reads have returned 0; among them:", reads.len()))
            .saw_all(reads.iter().take(2).map(ToString::to_string))
            .ask("What does read say by 0, and what will the next one say?")
            .fail();
        }
    }
    outcome.must_end();
}

/// Fails if the program writes without end. Call by call, as it is recorded, that would take long.
fn must_come_to_an_end(sent: &[String], seed: &Seed) {
    let outcome = run_at_once(&framed(sent));
    if outcome.exit == Exit::TooMuchOutput {
        judge(&outcome, sent, Pieces::Whole("all of it was in the pipe at once"), seed);
    }
}

/// Puts all of it into a pipe at once, and closes that. Room is for who shows each byte on standard error as well, as `{:?}` does.
fn run_at_once(bytes: &[u8]) -> Outcome {
    let mut running =
        Run::new(grader::program!("framed-reader")).output_limit(1 << 19).stdin_later().start();
    running.tell(bytes);
    running.finish()
}

#[test]
fn messages_that_arrive_together_come_out_one_by_one() {
    grader::worth(1);
    let mut seed = Seed::of("together");
    let mut sent = messages(&mut seed);
    // As long as its length lets it be, nearly, and still less than a pipe holds.
    let length = seed.random().usize(33_000..50_000);
    sent.push(message(&mut seed, length));
    let outcome = run_at_once(&framed(&sent));
    judge(&outcome, &sent, Pieces::Whole("all of it was in the pipe at once"), &seed);
}

#[test]
fn an_empty_message_is_one_and_the_end_is_none() {
    grader::worth(1);
    let mut seed = Seed::of("empty");
    let word = message(&mut seed, 5);
    for sent in [vec![], vec![String::new(), word, String::new()]] {
        let outcome = run_at_once(&framed(&sent));
        judge(&outcome, &sent, Pieces::Whole("all of it was in the pipe at once"), &seed);
    }
}

#[test]
fn a_message_is_any_bytes() {
    grader::worth(1);
    let outcome = run_at_once(b"\0\x05 \xff\0\n ");
    outcome.must_end();
    let said = String::from_utf8_lossy(&outcome.stdout).into_owned();
    if !said.starts_with("[5]  \\xff\\x00\\n \n") {
        Verdict::new("A message whose bytes are no text comes out otherwise than it went in.")
            .saw(format!("it said: {said:?}"))
            .saw_all(outcome.complaint())
            .ask("Who has said that messages are text, and what was done to them on the way?")
            .fail();
    }
}

#[test]
fn it_does_not_matter_where_the_bytes_are_torn() {
    grader::worth(2);
    let mut seed = Seed::of("torn");
    for piece in [1, seed.random().usize(2..=7)] {
        let sent = messages(&mut seed);
        must_come_to_an_end(&sent, &seed);
        let tear = |call: &str| Injection::short(&format!("{call}:*={piece}"));
        // Some hundred reads, call by call: on a busy machine that takes a while. Who hangs is noticed without a deadline.
        let run = Run::new(grader::program!("framed-reader")).stdin(framed(&sent)).recorded();
        let tears = READS.map(|call| tear(call).expect("it is well written"));
        let Some(seen) = tears.into_iter().fold(run, Recording::inject).record() else { return };
        let bytes = if piece == 1 { "byte" } else { "bytes" };
        let what = format!("no read has brought more than {piece} {bytes}");
        let is_end = |step: &Seen| step.sentence.contains(" reads 0 bytes from ");
        let to_the_end = seen.steps.iter().any(is_end);
        let pieces = Pieces::Torn { what: &what, at_most: piece, to_the_end };
        judge(&seen.outcome, &sent, pieces, &seed);
    }
    let sent = [message(&mut seed, u16::MAX.into())];
    let run = Run::new(grader::program!("framed-reader"));
    let what = Pieces::Whole("it was as long as a message can be");
    judge(&run.stdin(framed(&sent)).finish(), &sent, what, &seed);
}

#[test]
fn an_input_that_ends_within_a_message_is_an_error() {
    grader::worth(1);
    let mut seed = Seed::of("cut");
    let sent = vec![message(&mut seed, 6), message(&mut seed, 3)];
    let last = message(&mut seed, 7);
    // Within the length, right behind it, and within the message.
    for left in [1, 2, seed.random().usize(3..=8)] {
        let mut bytes = framed(&sent);
        bytes.extend(framed([&last]).into_iter().take(left));
        let outcome = run_at_once(&bytes);
        if outcome.exit != Exit::TooMuchOutput {
            must_end(&outcome, &bytes);
        }
        let pieces = format!("{left} of the last message's {} bytes came", last.len() + 2);
        must_have_said(&outcome, &sent, Pieces::Whole(&pieces), &seed, true);
        let verdict = match outcome.exit {
            Exit::Code(1) => continue,
            Exit::Code(2) => Verdict::new("The input ended within a message, and another error is returned than `UnexpectedEof`.")
                .ask("Of which kind is the error that `read_message` returns?"),
            _ => Verdict::new("The input ended within a message, and the program takes that for a good end.")
                .ask("Who has to hear that a message got lost, and how does `read_message` tell an end from an accident?"),
        };
        verdict
            .saw(pieces)
            .saw(outcome.ending())
            .saw(format!("it said: {:?}", String::from_utf8_lossy(&outcome.stdout)))
            .saw_all(outcome.complaint())
            .replay(&seed)
            .fail();
    }
}

#[test]
fn a_read_that_fails_is_no_end() {
    grader::worth(1);
    let mut seed = Seed::of("fails");
    let sent = messages(&mut seed);
    must_come_to_an_end(&sent, &seed);
    let (mut met, mut unmet) = (false, None);
    for call in READS {
        // The first is of a length, the second or the third of a message.
        for nth in 1..=3 {
            let Some(seen) = failing(call, nth, &sent) else { return };
            must_end(&seen.outcome, &framed(&sent));
            // Who reads more at once, or by the other call, needs fewer of these.
            if !seen.unmet.is_empty() {
                unmet = Some(seen);
                break;
            }
            met = true;
            must_report_eio(&seen, (call, nth), &seed);
        }
    }
    if let Some(seen) = unmet.filter(|_| !met) {
        seen.must(meet_every_injection());
    }
}

/// A run in which this read, by this call, fails.
fn failing(call: &str, nth: u32, sent: &[String]) -> Option<Recorded> {
    let fails = Injection::fail(&format!("{call}:{nth}=EIO")).expect("it is well written");
    let run = Run::new(grader::program!("framed-reader")).stdin(framed(sent));
    run.recorded().inject(fails).record()
}

/// Fails unless the program has reported the error that its read has met with.
fn must_report_eio(seen: &Recorded, (call, nth): (&str, u32), seed: &Seed) {
    let outcome = &seen.outcome;
    seen.must(give_up_after("EIO"));
    let verdict = if outcome.exit == Exit::Code(0) {
        Verdict::new("A read failed, and the program takes that for the end of the input.").ask(
            "Which answer of read says that nothing more will come, and what has an error said?",
        )
    } else if outcome.exit != Exit::Code(2)
        || !String::from_utf8_lossy(&outcome.stderr).contains("(os error 5)")
    {
        Verdict::new("A read failed, and what the program reports is something else.")
            .ask("Which error does `read_message` return, and whose is it?")
    } else {
        return;
    };
    verdict
        .saw(format!("{call} number {nth} fails with EIO, an error of the device"))
        .saw(outcome.ending())
        .saw(format!("it said: {:?}", String::from_utf8_lossy(&outcome.stdout)))
        .saw_all(outcome.complaint())
        .replay(seed)
        .fail()
}
