//! Who says that a program is missing, and whose child one is that runs.

use grader::{Process, Recorded, Snapshot, Verdict};
use std::path::Path;

/// Fails if two processes say that the program is missing.
pub(crate) fn must_be_said_by_one(seen: &Recorded) {
    let says = |text: &str| {
        let text = text.to_lowercase();
        ["enoent", "no such file", "not found"].iter().any(|missing| text.contains(missing))
    };
    let mut who = seen.said();
    who.retain(|(_, text)| says(text));
    if who.len() < 2 {
        return;
    }
    Verdict::new("Two processes say that the program is missing, and one should.")
        .saw_all(who.iter().map(|(process, text)| format!("{process} said {text:?}")))
        .ask("Which of the two knows why exec has failed? What is left for the other one to say?")
        .fail();
}

/// Fails if whoever stands at the gate is somebody else's child.
pub(crate) fn must_be_a_child(now: &Snapshot, gate: &str) {
    let stands = |p: &&Process| p.descriptors.iter().any(|d| d.target == Path::new(gate));
    let Some(program) = now.others().find(stands).filter(|p| p.parent != now.program) else {
        return;
    };
    Verdict::new("The program is no child of yours: somebody else runs it.")
        .saw(format!(
            "it is a child of pid {}; your program is pid {}",
            program.parent, now.program
        ))
        .ask("Who is between you and the program, and what would that one make of its end?")
        .fail();
}
