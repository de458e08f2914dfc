//! What records are: whether the output consists of them, how long they are, and in how many calls each goes out.

use grader::{Recorded, Seen, Verdict};
use std::collections::HashMap;

pub(crate) const PIPE_BUF: usize = 4096;

/// A text's beginning, for evidence.
pub(crate) fn head(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    let head: String = text.chars().take(40).collect();
    if head.len() < text.len() {
        format!("{head:?}… ({} bytes)", text.len())
    } else {
        format!("{head:?}")
    }
}

/// What came out, in lines. A record may end within a character.
pub(crate) fn lines(output: &[u8]) -> impl Iterator<Item = &[u8]> {
    let output = output.strip_suffix(b"\n").unwrap_or(output);
    output.split(|byte| *byte == b'\n').filter(|_| !output.is_empty())
}

/// Where a line is no record of anybody: what is wrong with it.
pub(crate) fn torn(output: &[u8], texts: &[String]) -> Option<String> {
    let mut rest: Vec<&[u8]> = texts.iter().map(String::as_bytes).collect();
    for line in lines(output) {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else {
            return Some(format!("this line is no record: {}", head(line)));
        };
        let (number, piece) = (&line[..colon], &line[colon + 1..]);
        let writer = std::str::from_utf8(number).ok().and_then(|number| number.parse().ok());
        let writer = writer.filter(|number| (1..=texts.len()).contains(number));
        let Some(writer): Option<usize> = writer else {
            return Some(format!(
                "a line begins with {}, which is no writer's number",
                head(number)
            ));
        };
        match rest[writer - 1].strip_prefix(piece) {
            Some(more) => rest[writer - 1] = more,
            None => {
                let good = piece.iter().zip(rest[writer - 1]).take_while(|(a, b)| a == b).count();
                return Some(format!(
                    "a record of writer {writer} goes on after {good} bytes with what is not writer {writer}'s: {}",
                    head(&piece[good..])
                ));
            }
        }
    }
    None
}

/// Fails if a record is longer than the kernel keeps together.
pub(crate) fn must_be_short_enough(output: &[u8], question: &str) {
    let length = lines(output).map(|line| line.len() + 1).max().unwrap_or_default();
    if length <= PIPE_BUF {
        return;
    }
    Verdict::new(if length > PIPE_BUF + 20 {
        "A record is longer than PIPE_BUF: the kernel may tear it, and let another one in between."
    } else {
        "A record is a little too long, with all that belongs to it: the kernel may tear it."
    })
    .saw(format!(
        "its length is {length} bytes, with number, colon and newline; PIPE_BUF is {PIPE_BUF}"
    ))
    .ask(question)
    .fail()
}

/// The writes to standard output that have taken something, and how many bytes.
fn writes(seen: &Recorded) -> Vec<(&Seen, usize)> {
    let mut open = seen.steps.iter().find_map(|step| step.open.as_ref()).into_iter().flatten();
    let output = open.find(|open| open.number == 1).map(|open| open.description);
    let mut begun = HashMap::new();
    let mut writes = Vec::new();
    for step in &seen.steps {
        if let Some(call) = step.begins() {
            let writes = ["write", "writev", "sendfile"].contains(&call);
            begun.insert(step.event.task, writes && step.description == output);
        } else if step.returns().is_some() && begun.get(&step.event.task) == Some(&true) {
            let count = step.result().and_then(|count| usize::try_from(count).ok());
            writes.extend(count.map(|count| (step, count)));
        }
    }
    writes
}

/// Fails if one writer's record goes out in several calls: where none was torn, they have kept out of each other's way.
pub(crate) fn must_hand_over_whole_records(seen: &Recorded) {
    seen.outcome.must_end();
    let output = &seen.outcome.stdout;
    let writes = writes(seen);
    // Who has written by another call is not known.
    if writes.iter().map(|(_, count)| count).sum::<usize>() != output.len() {
        return;
    }
    let mut end = 0;
    let mut whole = |(_, count): &(&Seen, usize)| {
        end += count;
        output[..end].ends_with(b"\n")
    };
    let Some(at) = writes.iter().position(|write| !whole(write)) else { return };
    let calls = writes[at..].iter().take(2).map(|(step, _)| step.to_string());
    Verdict::new("A record goes out in more than one call: another program, that has agreed on nothing with these writers, could write in between.")
        .saw_all(calls)
        .ask("Whom can an agreement keep out between two calls, and whom does the kernel keep out of one write of up to PIPE_BUF bytes?")
        .fail()
}
