//! Until the child stands at its gate.

use super::Question;
use grader::{Gates, Interrupted, Process, Running, State, Verdict};
use nix::unistd::Pid;
use std::time::Duration;

/// More processor time than a parent needs for anything that it does with its table: it does nothing any more but ask for its child.
const SPINNING: Duration = Duration::from_millis(500);

/// Starts the program and waits until its child stands at the gate.
pub(crate) fn start(question: &Question) -> (Running, Gates, Pid) {
    let mut gate = Gates::new(1);
    let mut running = question.run(&gate).start();
    let mut stands = false;
    // The program's processor time when the child came to its gate.
    let mut from = None;
    let child = running.until(|now| {
        // Nobody waits for the child any more: it is over, whether that has come to the gate or not.
        if now.program().is_none_or(|program| program.state == State::Zombie) {
            return None;
        }
        // Looked at when somebody stands there already: then nobody moves who waits for them.
        if !std::mem::replace(&mut stands, gate.arrived() == 1) {
            return None;
        }
        // Whoever looks from time to time whether the child has ended waits for it, too, or again and again.
        let program = now.program()?;
        let since = *from.get_or_insert(program.cpu);
        let spins = |p: &Process| p.pid == now.program && p.cpu >= since + SPINNING;
        let rests = |p: &Process| {
            p.blocked() || p.sleeping_for_time() || p.state == State::Zombie || spins(p)
        };
        let still = now.processes.iter().all(rests);
        still.then(|| now.others().find(|p| p.blocked()).map(|p| p.host))
    });
    match child {
        Ok(Some(child)) => (running, gate, child),
        Ok(None) => Verdict::new("There is no child at the gate: the program stands there itself.")
            .saw_all(running.snapshot().explain())
            .ask("Which process is to make the changes, and which one is to keep the table?")
            .fail(),
        Err(why) => {
            let outcome = running.finish();
            if why != Interrupted::Deadline {
                outcome.must_end();
                outcome.must_leave_nobody();
            }
            if String::from_utf8_lossy(&outcome.stderr).contains("panicked at") {
                Verdict::new("The child panicked before it had come to the gate.")
                    .saw_all(outcome.complaint())
                    .ask("Which line is it, and what is in the table and in the changes there?")
                    .fail();
            }
            let held = outcome.snapshot.program().and_then(Process::call_name);
            let verdict = if held.is_some_and(|call| ["vfork", "clone", "clone3"].contains(&call)) {
                Verdict::new(
                    "The program is held in its fork: the child has borrowed its memory, and gives it back when it ends.",
                )
            } else {
                Verdict::new("No child has come to the gate with its answer.")
            };
            verdict
                .saw(outcome.ending())
                .saw_all(outcome.snapshot.explain())
                .saw_all(outcome.complaint())
                .ask("Where does the child go when it has made its changes, and what does the parent do meanwhile?")
                .fail()
        }
    }
}
