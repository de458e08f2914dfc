//! The messages that go in, and what is wrong with those that come out.

use grader::{Exit, Outcome, Seed, Verdict};

/// Each message with its length before it.
pub(crate) fn framed<'a>(messages: impl IntoIterator<Item = &'a String>) -> Vec<u8> {
    let mut bytes = Vec::new();
    for message in messages {
        let length = u16::try_from(message.len()).expect("a short message");
        bytes.extend(length.to_be_bytes());
        bytes.extend(message.as_bytes());
    }
    bytes
}

/// A message of so many letters.
pub(crate) fn message(seed: &mut Seed, length: usize) -> String {
    (0..length).map(|_| seed.random().lowercase()).collect()
}

/// Some messages, none of them empty. One is so long that both bytes of its length count.
pub(crate) fn messages(seed: &mut Seed) -> Vec<String> {
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
pub(crate) enum Pieces<'a> {
    /// All that was asked for, as far as it was there.
    Whole(&'a str),
    /// No more than so many bytes a read; whether the program has read them to their end.
    Torn { what: &'a str, at_most: usize, to_the_end: bool },
}

/// Fails with what is wrong about the messages that came out, if they are others than those that went in. An input that is `cut` goes
/// on after them, and ends within a message.
pub(crate) fn must_have_said(
    outcome: &Outcome,
    sent: &[String],
    pieces: Pieces<'_>,
    seed: &Seed,
    cut: bool,
) {
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
    // Who was ended for what it wrote, be it on standard error, might have said the rest.
    if found.is_none() && outcome.exit == Exit::TooMuchOutput {
        outcome.must_end();
    }
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
        (Some(wanted), None) if wanted.is_empty() && outcome.exit == Exit::Code(1) => Verdict::new("An empty message is taken for one that was cut: the program says that the input has ended within it.")
        .ask("What does read return that is asked for no bytes, and what does the same answer mean where some were asked for?"),
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
