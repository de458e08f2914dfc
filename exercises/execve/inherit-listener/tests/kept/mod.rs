//! Whether the new program has the listener from its beginning, by which number it was told, and from which one it accepts.

use crate::open;
use grader::facts::keep_for_the_next_program;
use grader::{Call, Folder, Outcome, Process, Run, Verdict};
use std::path::Path;

/// What stood in `LISTENER_FD` when this program began.
pub(crate) fn was_told(process: &Process) -> Option<i32> {
    let environment = std::fs::read(format!("/proc/{}/environ", process.host)).ok()?;
    let mut lines = environment.split(|byte| *byte == 0);
    let number = lines.find_map(|line| line.strip_prefix(b"LISTENER_FD="))?;
    std::str::from_utf8(number).ok()?.parse().ok()
}

/// Fails if the listener is closed when the new program begins.
pub(crate) fn must_be_open_at_exec() {
    let folder = Folder::new();
    let program = folder.put_program(grader::program!("inherit-listener"));
    let run = Run::new(program).may_write(folder.path());
    // Nobody stands at these gates; and where there is no `sh`, the new one does not wait for clients.
    let run = run.arg(folder.path().join("socket")).args(["/dev/null", "/dev/null"]);
    let Some(seen) = run.env("PATH", "/dev/null").recorded().record() else { return };
    seen.must(keep_for_the_next_program("bind", "the listener"));
}

/// Fails if this process sleeps in an accept from another socket.
pub(crate) fn must_accept_from(process: &Process, socket: &Path) {
    let Call::In { args: [number, ..], .. } = process.call else { return };
    let Some(from) = process.descriptors.iter().find(|d| d.number as u64 == number) else { return };
    if from.target == socket {
        return;
    }
    Verdict::new("The new program has the old one's socket, and accepts from another one.")
        .saw(format!(
            "the old program's was {}; accept(2) is called with descriptor {number}, which leads to {}",
            socket.display(),
            from.target.display()
        ))
        .ask("Who has connected to the old one and was not accepted yet, and where does that client wait?")
        .fail();
}

/// Fails if nobody was answered though the listener is where this process was told.
pub(crate) fn must_take_what_it_was_told(
    process: &Process,
    told: Option<i32>,
    socket: &Path,
    outcome: &Outcome,
) {
    let at = |number: &i32| process.descriptor(*number).is_some_and(|d| d.target == socket);
    let Some(number) = told.filter(at) else { return };
    Verdict::new(format!(
        "LISTENER_FD says {number}, and there is the listener; nobody who waits there is answered."
    ))
    .saw_all(open("the new program", process))
    .saw(outcome.ending())
    .saw_all(outcome.complaint())
    .ask("Who chooses the number of what is opened, and by what does the new program know that number?")
    .fail();
}
