//! Writers that have given up; and a log that can grow no more, and who must report that.

use super::{LOG, against, log, shown};
use grader::{Exit, Folder, Outcome, Run, State, Verdict};
use std::os::unix::fs::PermissionsExt as _;

/// Lets no file grow beyond one block, and becomes the program. The signal that comes with that is ignored, so that write(2) answers.
const SHELL: &str = r#"trap "" XFSZ; ulimit -f 1; exec "$@""#;
/// The size of that block.
const LIMIT: usize = 512;
/// There is room for a writer's name, and not for the rest of its record.
const ROOM: usize = 4;

/// What stands in the log from the start.
fn before() -> String {
    format!("{}\n", "-".repeat(LIMIT - ROOM - 1))
}

/// Whether this was said on standard error, among other things perhaps.
fn says(outcome: &Outcome, what: &str) -> bool {
    String::from_utf8_lossy(&outcome.stderr).contains(what)
}

/// Whether a writer has ended with an error.
pub(crate) fn gave_up(outcome: &Outcome) -> bool {
    outcome.exit == Exit::Code(1) && outcome.complaint().is_some()
}

/// Whether a writer has given up because of a file that is not in LOG's folder.
pub(crate) fn asks_elsewhere(folder: &Folder, outcome: &Outcome) -> bool {
    let log = std::fs::metadata(folder.path().join(LOG));
    let nobodys = log.is_ok_and(|it| it.permissions().mode() & 0o600 != 0o600);
    // EROFS where all the rest may only be read, and EACCES where it is forbidden otherwise.
    gave_up(outcome)
        && (says(outcome, "(os error 30)") || says(outcome, "(os error 13)") && !nobodys)
}

pub(crate) fn a_writer_gave_up(folder: &Folder, outcome: &Outcome) -> Verdict {
    if asks_elsewhere(folder, outcome) {
        return Verdict::new("A writer has asked for a file outside of LOG's folder, and there nothing may be written.")
            .ask("For what is that file needed, and could LOG itself serve for it, or one beside LOG?");
    }
    if says(outcome, "(os error 13)") {
        return Verdict::new("One writer has made LOG so that the other one may not open it.")
            .ask("open(2), on `mode`: who may do what with a file that is made?");
    }
    Verdict::new("A writer could not open LOG, or not write to it, and has ended with an error.")
        .ask("For what was LOG opened, and which of the things asked for go together?")
}

pub(crate) fn must_not_have_given_up(folder: &Folder, outcome: &Outcome) {
    if gave_up(outcome) {
        let verdict = a_writer_gave_up(folder, outcome);
        verdict.saw(outcome.ending()).saw_all(outcome.complaint()).fail();
    }
}

/// Fails unless both writers of so many records report that they can't write theirs. Where there is one each, the kernel takes a part of the first,
/// and nothing of the other; where there are many, whoever writes over what is there comes to the end of the room as well.
pub(crate) fn must_be_reported(count: usize) {
    let folder = Folder::new();
    folder.put(LOG, before());
    let shell = Run::new("/bin/sh").args(["-c", SHELL, "sh"]).may_write(folder.path());
    let program = shell.arg(folder.put_program(grader::program!("append-race")));
    let outcome = program.arg(folder.path().join(LOG)).arg(count.to_string()).finish();
    must_not_go_on(&outcome);
    let said = String::from_utf8_lossy(&outcome.stderr);
    must_not_panic(&outcome, &said);
    outcome.must_end();
    let text = log(&folder);
    let silent = ["Anna", "Bert"].into_iter().find(|writer| !said.contains(writer));
    let verdict = if outcome.exit == Exit::Code(0) {
        match against(&text, count, &before()) {
            Some(verdict) if text == before() => verdict,
            // Who empties LOG, or writes over what is there, has come to no limit.
            Some(_) if text.len() >= LIMIT => Verdict::new(
                "A record could not be written, and nobody is told: the program reports success.",
            )
            .ask("What does `append` return, and who looks at it?"),
            _ => return,
        }
    } else if let Some(writer) = silent {
        let part = text.ends_with(writer);
        let what = if part { "was written in part only" } else { "could not be written" };
        Verdict::new(format!("A record {what}, and its writer, {writer}, does not report that."))
            .ask("What does write(2) return, what else than all or nothing may that be, and who looks at it?")
    } else {
        return;
    };
    verdict
        .saw(format!("each of the two was to write {count}, and LOG could grow by {ROOM} bytes (setrlimit(2), RLIMIT_FSIZE)"))
        .saw(shown(&text, &before()))
        .saw(outcome.ending())
        .saw_all(outcome.complaint())
        .fail()
}

/// Fails if the program was ended while a writer computed, or slept for a time.
fn must_not_go_on(outcome: &Outcome) {
    let goes_on =
        |writer: &grader::Process| writer.state == State::Running || writer.sleeping_for_time();
    if outcome.exit == Exit::Deadline && outcome.snapshot.others().any(goes_on) {
        Verdict::new("LOG can grow no more, and a writer goes on and on instead of reporting that.")
            .saw_all(outcome.snapshot.explain())
            .ask("EFBIG, ENOSPC: what would have to change before the answer is another one, and who is to hear of it?")
            .fail();
    }
}

/// Fails if a writer has panicked, whichever of the two: `main` has the exit code of one.
fn must_not_panic(outcome: &Outcome, said: &str) {
    if said.contains("panicked at") && !said.contains("not yet implemented") {
        Verdict::new("A writer has panicked: it returns nothing that `main` could report.")
            .saw("LOG could grow by a few bytes and no more (setrlimit(2), RLIMIT_FSIZE)")
            .saw(outcome.ending())
            .saw_all(outcome.complaint())
            .ask("Which call did less than was asked of it, and whom should `append` tell?")
            .fail();
    }
}
