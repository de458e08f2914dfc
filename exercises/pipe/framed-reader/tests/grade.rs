//! What `framed-reader` must make of a stream of bytes, whatever pieces the stream comes in.
//!
//! The pieces are the recorder's: it lets the kernel return no more than so many bytes from each read.

use grader::facts::give_up_after;
use grader::{Exit, Injection, Outcome, Run, Seed, Seen, Verdict};

/// Each message with its length before it.
fn framed<'a>(messages: impl IntoIterator<Item = &'a String>) -> Vec<u8> {
    let mut bytes = Vec::new();
    for message in messages {
        let length = u16::try_from(message.len()).expect("a short message");
        bytes.extend(length.to_be_bytes());
        bytes.extend(message.as_bytes());
    }
    bytes
}

/// A message of so many letters.
fn message(seed: &mut Seed, length: usize) -> String {
    (0..length).map(|_| seed.random().lowercase()).collect()
}

/// Some messages, none of them empty. One is so long that both bytes of its length count.
fn messages(seed: &mut Seed) -> Vec<String> {
    let lengths = [
        seed.random().usize(3..=9),
        seed.random().usize(257..=300),
        1,
        seed.random().usize(10..=20),
    ];
    lengths.into_iter().map(|length| message(seed, length)).collect()
}

/// A message as the program has said it.
#[derive(Clone, PartialEq)]
struct Said {
    length: usize,
    /// Escaped: it may be no text at all.
    text: String,
}

/// What was said; `None` for a line that is no message.
fn said(outcome: &Outcome) -> Vec<Option<Said>> {
    let text = String::from_utf8_lossy(&outcome.stdout).into_owned();
    let lines = text.lines().filter(|line| !line.starts_with("end after "));
    let message = |line: &str| {
        let (length, text) = line.strip_prefix('[')?.split_once("] ")?;
        Some(Said { length: length.parse().ok()?, text: text.to_owned() })
    };
    lines.map(message).collect()
}

/// A length of which the low byte is taken for the high one.
fn swapped(length: usize) -> usize {
    u16::try_from(length).map_or(usize::MAX, |length| length.swap_bytes().into())
}

fn short(text: &str) -> String {
    if text.len() <= 24 {
        return format!("{text:?}");
    }
    format!("{} bytes, {:?}…", text.len(), text.get(..16).unwrap_or_default())
}

fn list(messages: &[String]) -> String {
    messages.iter().map(|message| short(message)).collect::<Vec<_>>().join(", ")
}

/// In which pieces the input came.
#[derive(Clone, Copy)]
enum Pieces<'a> {
    /// All that was asked for, as far as it was there.
    Whole(&'a str),
    /// No more than so many bytes a read; whether the program has read them to their end.
    Torn { what: &'a str, at_most: usize, to_the_end: bool },
}

/// Fails with what is wrong about the messages that came out, if they are others than those that went in. An input that is `cut` goes
/// on after them, and ends within a message.
fn must_have_said(outcome: &Outcome, sent: &[String], pieces: Pieces<'_>, seed: &Seed, cut: bool) {
    let said = said(outcome);
    let whole = |text: &str| Some(Said { length: text.len(), text: text.to_owned() });
    let at = (0..sent.len()).find(|at| said.get(*at) != Some(&whole(&sent[*at])));
    let at = at.unwrap_or(sent.len());
    if at == sent.len() && said.len() == at {
        return;
    }
    let unreadable = || Said { length: usize::MAX, text: "a line that is no message".into() };
    let (wanted, found) =
        (sent.get(at), said.get(at).map(|said| said.clone().unwrap_or_else(unreadable)));
    // Whoever takes one read for all of a message has no more of it.
    let at_most = if let Pieces::Torn { at_most, .. } = pieces { at_most } else { 0 };
    let verdict = match (wanted, &found) {
        (None, Some(found)) if found.length == 0 && !(cut && said.len() == at + 1) => Verdict::new("The end of the input is taken for an empty message.")
            .ask("read returned 0. Which message has no bytes, and how many bytes come before it all the same?"),
        (None, Some(_)) if cut => Verdict::new("Half a message came out as if it were a whole one.")
            .ask("How many bytes did its length promise, and how many were there?"),
        (Some(wanted), Some(found)) if found.length != wanted.len() && found.length == swapped(wanted.len()) => Verdict::new("The low byte of a length was taken for the high one.")
            .ask("Which of the two bytes comes first, and what is each of them worth?"),
        (Some(wanted), Some(found)) if found.length == 0 && !wanted.is_empty() && matches!(pieces, Pieces::Torn { .. }) => Verdict::new("A length was made of half of its bytes: the second had not arrived yet.")
        .ask("How many bytes does a read bring that was asked for two?"),
        (Some(wanted), Some(found)) if found.length < wanted.len() && wanted.starts_with(&found.text) && (found.length > at_most || at_most == 0) => Verdict::new("A message came out shorter than it is, though all of its bytes were there.")
        .ask("What do the two bytes count, how many of them make the number, and has it a sign?"),
        (Some(wanted), Some(found)) if found.length < wanted.len() && wanted.starts_with(&found.text) => Verdict::new("A message came out shorter than its length says: its other bytes had not arrived yet.")
        .ask("What does the number mean that read returns, and who asks for the rest?"),
        (Some(wanted), Some(found)) if wanted.is_empty() && sent[at..].iter().find(|it| !it.is_empty()).is_some_and(|it| *it == found.text) => Verdict::new("An empty message was left out: the next one came in its place.")
        .ask("How many messages were sent, and what is to be returned for one without bytes?"),
        (Some(wanted), Some(found)) if found.length > wanted.len() && found.text.starts_with(wanted.as_str()) => Verdict::new("One read is taken for one message: what arrived together came out together.")
        .ask("A pipe carries a stream of bytes. Where is it written in them where a message ends?"),
        (Some(wanted), None) if wanted.is_empty() && outcome.exit == Exit::Code(0) => Verdict::new("An empty message is taken for the end: what came after it was never said.")
        .ask("Which number says that a message is empty, which one that the input has ended, and who returns each of them?"),
        (Some(_), None) if outcome.exit == Exit::Code(0) => Verdict::new("Bytes got lost between two messages: they were read, and nobody has kept them.")
        .ask("How many bytes does this read take from the pipe, and where are those that belong to the next message?"),
        (Some(_), None) if !matches!(pieces, Pieces::Torn { to_the_end: false, .. }) => Verdict::new("The program waited for more bytes than there were: it made another length of the two bytes, or has lost some.")
            .ask("Which of the two bytes is the high one, what does their number count, and who has kept all that was read?"),
        (Some(_), None) => Verdict::new("A read that brought few bytes is taken for the end of the input.")
            .ask("Which answer of read says that nothing more will come?"),
        _ => Verdict::new("Other messages came out than went in.")
            .ask("Which bytes belong to the length, and which to the message?"),
    };
    let (Pieces::Whole(what) | Pieces::Torn { what, .. }) = pieces;
    let found = found.map_or_else(|| "nothing".into(), |found| short(&found.text));
    verdict
        .saw(format!("sent: {}{}", list(sent), if cut { ", and a part of one more" } else { "" }))
        .saw(what)
        .saw(format!("message {} came out as {found}", at + 1))
        .saw(outcome.ending())
        .saw_all(outcome.complaint())
        .replay(seed)
        .fail()
}

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
        outcome.must_end();
    }
    must_have_said(outcome, sent, pieces, seed, false);
    must_succeed(outcome, sent.len(), seed);
}

/// Puts all of it into a pipe at once, and closes that.
fn run_at_once(bytes: &[u8]) -> Outcome {
    let mut running =
        Run::new(grader::program!("framed-reader")).output_limit(1 << 16).stdin_later().start();
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
    if said != "[5]  \\xff\\x00\\n \nend after 1\n" {
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
        let tear = Injection::short(&format!("read:*={piece}")).expect("it is well written");
        // Some hundred reads, call by call: on a busy machine that takes a while. Who hangs is noticed without a deadline.
        let run = Run::new(grader::program!("framed-reader"));
        let run = run.output_limit(1 << 12);
        let Some(seen) = run.stdin(framed(&sent)).recorded().inject(tear).record() else { return };
        let bytes = if piece == 1 { "byte" } else { "bytes" };
        let what = format!("no read has brought more than {piece} {bytes}");
        let is_end = |step: &Seen| step.sentence.contains(" reads 0 bytes from ");
        let to_the_end = seen.steps.iter().any(is_end);
        let pieces = Pieces::Torn { what: &what, at_most: piece, to_the_end };
        judge(&seen.outcome, &sent, pieces, &seed);
    }
    let sent = [message(&mut seed, u16::MAX.into())];
    let run = Run::new(grader::program!("framed-reader")).output_limit(1 << 17);
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
            outcome.must_end();
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
    // The first is of a length, the second or the third of a message.
    for nth in 1..=3 {
        let fails = Injection::fail(&format!("read:{nth}=EIO")).expect("it is well written");
        let run = Run::new(grader::program!("framed-reader")).output_limit(1 << 12);
        let Some(seen) = run.stdin(framed(&sent)).recorded().inject(fails).record() else { return };
        let outcome = &seen.outcome;
        if outcome.exit != Exit::TooMuchOutput {
            outcome.must_end();
        }
        // Who reads more at once needs fewer reads.
        if nth > 1 && !seen.unmet.is_empty() {
            continue;
        }
        seen.must(give_up_after("EIO"));
        let verdict = if outcome.exit == Exit::Code(0) {
            Verdict::new("A read failed, and the program takes that for the end of the input.").ask(
                "Which answer of read says that nothing more will come, and what has an error said?",
            )
        } else if outcome.exit != Exit::Code(2)
            || !outcome.complaint().is_some_and(|text| text.contains("os error 5"))
        {
            Verdict::new("A read failed, and what the program reports is something else.")
                .ask("Which error does `read_message` return, and whose is it?")
        } else {
            continue;
        };
        verdict
            .saw(format!("read number {nth} fails with EIO, an error of the device"))
            .saw(outcome.ending())
            .saw(format!("it said: {:?}", String::from_utf8_lossy(&outcome.stdout)))
            .saw_all(outcome.complaint())
            .replay(&seed)
            .fail();
    }
}
