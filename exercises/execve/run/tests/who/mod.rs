//! Who says that a program is missing, and whose child one is that runs.

use grader::{Process, Recorded, Seen, Snapshot, Verdict};
use std::path::Path;

/// What is told where a child has returned from `run`.
pub(crate) fn came_back(child: &str) -> Verdict {
    let cause = format!(
        "The child came back from `run`, with an error: {child} is a second copy of your program."
    );
    Verdict::new(cause)
        .ask("What does exec do when it fails, and who stands behind that line then?")
}

/// Fails if a child speaks of an error and leaves as `main` does, also where its parent hears of the error otherwise.
pub(crate) fn must_not_come_back(seen: &Recorded) {
    for (child, text) in seen.said().into_iter().filter(|(it, _)| it.to_string() != "P1") {
        let ends = seen.steps.iter().filter(|step| step.process == child && step.is_end());
        let with_2 = |end: &Seen| {
            end.sentence.split(';').next().is_some_and(|it| it.ends_with(" exit code 2"))
        };
        if text.starts_with("[run ") && ends.into_iter().any(with_2) {
            came_back(&child.to_string()).saw(format!("{child} said {text:?}")).fail();
        }
    }
}

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
