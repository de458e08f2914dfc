//! A pipeline one of whose programs is not there, as a shell runs it.

use crate::pipeline;
use grader::{Exit, Folder, Outcome, Seed, Verdict};

/// Runs these two, and fails unless that is the exit code.
fn must_return(first: &[&str], second: &[&str], expected: u8, cause: &str) -> Outcome {
    let folder = Folder::new();
    // A folder that this user may not search would be another reason.
    let outcome = pipeline(&folder, first, second).env("PATH", "/usr/bin:/bin").finish();
    outcome.must_end();
    if outcome.exit != Exit::Code(expected.into()) {
        Verdict::new(cause)
            .saw(format!("the first program was {first:?}, the second one {second:?}; expected: exit code {expected}"))
            .saw(outcome.ending())
            .saw_all(outcome.complaint())
            .ask("What does a shell's `$?` tell after this? Which of the two has failed, and what has the other one to do with that?")
            .fail();
    }
    outcome
}

/// Fails unless the one that is there runs, and is waited for, and the other one counts as ended with 127.
pub(crate) fn must_run_the_other_one(seed: &mut Seed) {
    let missing = format!("no-such-program-{}", seed.random().u32(..));
    // What a program gives up with is smaller.
    let code = seed.random().u8(20..100);
    let other = format!("cat; exit {code}");
    let cause = "The first program is not there, and the second one's exit code is not yours.";
    must_return(&[&missing], &["sh", "-c", &other], code, cause).must_leave_nobody();
    let cause = "The second program is not there, and your exit code is another one than 127.";
    must_return(&["true"], &[&missing], 127, cause).must_leave_nobody();
}
