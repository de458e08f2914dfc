//! What the second program of a pipeline may go through: it is stopped for a while.

use crate::pipeline;
use grader::{Exit, Folder, Process, Seed, State, Verdict};
use nix::sys::signal::{Signal, kill};

/// Fails if a second program that is stopped has ended, for this one.
pub(crate) fn must_wait_for_who_is_stopped(second: u8, seed: &Seed) {
    let folder = Folder::new();
    // Behind the end of its input, the first one is about to end, or has.
    let script = format!("cat; kill -s STOP $$; exit {second}");
    let mut running = pipeline(&folder, &["true"], &["sh", "-c", &script]).start();
    // Whoever asked for such news has heard of the stop when it sleeps again, or has left for it. One that waits for the first program
    // before the second one asks only then: so this is looked at behind the first one's end, and the sleep that is seen is no older.
    let (mut had_ended, mut slept) = (false, false);
    let stopped = running.until(|now| {
        let stopped = now.others().find(|p: &&Process| p.has_stopped())?;
        let first_lives = now.others().any(|p| p.name == "true" && p.state != State::Zombie);
        if !std::mem::replace(&mut had_ended, !first_lives) {
            return None;
        }
        let sleeps = now.program().is_some_and(Process::blocked);
        (std::mem::replace(&mut slept, sleeps) && sleeps).then_some(stopped.host)
    });
    if let Ok(stopped) = stopped {
        // Who gives up on it has ended it.
        let _ = kill(stopped, Signal::SIGCONT);
    }
    let outcome = running.finish();
    outcome.must_end();
    if outcome.exit != Exit::Code(second.into()) {
        Verdict::new("The second program was stopped, went on, and exited, and your exit code is not its own.")
            .saw(format!("expected: the second program's exit code, {second}"))
            .saw(outcome.ending())
            .saw_all(outcome.complaint())
            .ask("What does waitpid tell of besides an end, and who asks it to?")
            .replay(seed)
            .fail();
    }
    outcome.must_leave_nobody();
}
