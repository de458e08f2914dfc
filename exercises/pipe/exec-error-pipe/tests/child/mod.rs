//! What a child whose exec has failed must leave to its parent.

use crate::numbered;
use grader::{Exit, Recorded, Seen, Verdict};

/// Fails if a child has come to the end of `main`: it reports the error, and ends with the code that goes with that.
pub(crate) fn must_come_back_once(seen: &Recorded, error: i32) {
    let report = format!("exec-error-pipe: {}", std::io::Error::from_raw_os_error(error));
    let end = |step: &Seen| step.sentence.contains("ends with exit code 125");
    for (process, said) in seen.said() {
        let ends = seen.of(process).find(|step| end(step));
        // What `main` says comes last: who hands the error on afterwards has said it by itself.
        let writes = |step: &&Seen| step.begins().is_some_and(|call| call.starts_with("write"));
        let last = seen.of(process).filter(writes).last();
        let is_main = last.is_some_and(|step| step.sentence.contains("(2, "))
            && process != seen.steps[0].process
            && said.contains(&report);
        if let Some(end) = ends.filter(|_| is_main) {
            Verdict::new("The child came back from `start`, and told the parent's story as well.")
                .saw(format!("{process} said: {}", said.trim_end()))
                .saw(end.to_string())
                .ask("How must a child end whose exec has failed?")
                .fail();
        }
    }
}

/// Fails if only a child has told the error, and the program has passed the child's code on.
pub(crate) fn must_report_it_itself(seen: &Recorded, error: i32) {
    let said = seen.said();
    let mut tell = said.iter().filter(|(_, said)| said.contains(&numbered(error)));
    let first = tell.next().map(|(process, _)| *process);
    let own = seen.steps[0].process;
    let by_child = first.is_some_and(|it| it != own) && tell.all(|(it, _)| *it != own);
    if by_child && seen.outcome.exit == Exit::Code(125) {
        Verdict::new("The error was told by the child only: `start` has returned none.")
            .saw_all(said.iter().map(|(process, said)| format!("{process} said: {said:?}")))
            .saw(seen.outcome.ending())
            .ask("Who has to know whether the program has begun, and by what does it come to know it?")
            .fail();
    }
}
