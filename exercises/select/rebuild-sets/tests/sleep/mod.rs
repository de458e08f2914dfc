//! Whether the program sleeps, in whichever thread, and why it does not.

use super::PATIENCE;
use grader::{Exit, Folder, Outcome, Process, Run, State, Verdict};
use std::os::unix::net::UnixStream;
use std::sync::mpsc;

/// How many threads it has.
pub(crate) fn threads(program: &Process) -> usize {
    std::fs::read_dir(format!("/proc/{}/task", program.host)).map_or(0, Iterator::count)
}

pub(crate) fn by_the_clock(saw: String) -> ! {
    Verdict::new("The program sleeps by the clock: it gets up to look whether somebody has spoken.")
        .saw(saw)
        .ask("Who could wake it, and at which moment? What is the timeout there for?")
        .fail()
}

/// What another thread than the first sleeps in shows in a recording. One client comes, and says nothing: fails if somebody gets up all the same.
pub(crate) fn must_not_look_by_the_clock() {
    let folder = Folder::new();
    let socket = folder.path().join("socket");
    let run = Run::new(grader::program!("rebuild-sets")).arg(&socket).arg("1");
    let run = run.may_write(folder.path()).deadline(PATIENCE).recorded();
    let (keep, clients) = mpsc::channel();
    let comes = move |_, _| drop(keep.send(UnixStream::connect(&socket)));
    let seen = run.record_meanwhile(&["accept", "accept4"], comes);
    drop(clients);
    let Some(seen) = seen else { return };
    if let Some(step) = seen.steps.iter().find(|step| step.limit.is_some()) {
        by_the_clock(step.to_string());
    }
}

pub(crate) fn must_not_be_awake(outcome: &Outcome, some_left: bool) {
    let now = &outcome.snapshot;
    if outcome.exit != Exit::Deadline || !now.program().is_some_and(|p| p.state == State::Running) {
        return;
    }
    never_sleeps(some_left).saw_all(now.explain()).fail()
}

pub(crate) fn never_sleeps(some_left: bool) -> Verdict {
    if some_left {
        Verdict::new("A client has left, and is asked again and again: the program never sleeps.")
            .ask("Who has left is readable, and read returns 0. How often, and until when?")
    } else {
        Verdict::new("The program never sleeps: it asks again and again, and keeps a processor busy.")
            .ask("How long does the call wait that it asks with, and what is there to do in the meantime?")
    }
}
