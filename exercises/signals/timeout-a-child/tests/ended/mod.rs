//! How the program has ended, and why otherwise than it should.

use super::{look_closer, pauses};
use grader::{Exit, Outcome, Process, State, Verdict};
use nix::sys::signal::Signal;

/// Fails unless the program ends with this code, as its child did.
pub(crate) fn must_end_with(outcome: &Outcome, code: i32) {
    let now = &outcome.snapshot;
    if outcome.exit == Exit::Deadline {
        let over = matches!(code, 143 | 137 | 7);
        if now.others().any(|p| p.state == State::Zombie) {
            let when = if over { "when it was signalled" } else { "long before its limit" };
            Verdict::new(format!(
                "The child has ended {when}, and the program does not hear of it."
            ))
            .saw_all(now.explain())
            .ask("What else than the time should end this sleep?")
            .fail();
        }
        // Who was sent SIGTERM has it pending, or is not there any more, or stands at its gate.
        let not_asked = |p: &&Process| {
            p.call_name().is_some_and(|call| pauses(call) || call == "rt_sigtimedwait")
                && !p.signals.pending.contains(&Signal::SIGTERM)
        };
        let not_asked = now.others().find(not_asked).filter(|_| over);
        if not_asked.is_some() || now.program().is_some_and(|p| p.state == State::Running) {
            look_closer();
        }
        if let Some(child) = not_asked {
            Verdict::new("The child's time is long over, and nobody has asked it to end.")
                .saw(format!("no SIGTERM has come to pid {}", child.pid))
                .saw_all(now.explain())
                .ask("For how long does the program sleep now, and in which unit was it told the limit?")
                .fail();
        }
        if code == 128 + 9 {
            Verdict::new("The child lives on. It was asked to end, and it does not: nothing else happens to it.")
                .saw_all(now.explain())
                .ask("How long does the program wait for an answer to SIGTERM, and what then?")
                .fail();
        }
    }
    outcome.must_end();
    if let Exit::Signal(signal @ (9 | 15)) = outcome.exit {
        let name = if signal == 9 { "SIGKILL" } else { "SIGTERM" };
        Verdict::new(format!("The program has ended itself: its {name} went to itself as well."))
            .saw(outcome.ending())
            .ask("kill(2): to whom does a signal go, by which value of its pid?")
            .fail();
    }
    // What main says when `watch` has returned something else than an end.
    let said = String::from_utf8_lossy(&outcome.stderr);
    let returned = |status: &str| {
        let of_main = |line: &str| {
            line.strip_prefix("timeout-a-child: ").is_some_and(|it| it.starts_with(status))
        };
        outcome.exit == Exit::Code(2) && said.lines().any(of_main)
    };
    if returned("Ok(StillAlive)") {
        Verdict::new("`watch` has returned before the child has ended: nobody has waited for that.")
            .saw(outcome.ending())
            .saw_all(outcome.complaint())
            .ask("How long does it take until a child ends that was sent a signal? Which call sleeps for that?")
            .fail();
    }
    if returned("Ok(Stopped") || returned("Ok(Continued") {
        Verdict::new("The child was stopped for a moment, and the program takes that for its end.")
            .saw(outcome.ending())
            .saw_all(outcome.complaint())
            .ask("What does waitpid tell of besides an end, and who asks it to? Which of its answers is the end?")
            .fail();
    }
    // Or an error.
    if outcome.exit == Exit::Code(2) && !outcome.stderr.is_empty() {
        Verdict::new("A call has failed, and the program gave its child up for that.")
            .saw(outcome.ending())
            .saw_all(outcome.complaint())
            .ask("Which call was it, what was it told, and what does its man page say of this error?")
            .fail();
    }
    outcome.must_leave_nobody();
    if outcome.exit == Exit::Code(code) {
        return;
    }
    let verdict = match outcome.exit {
        Exit::Code(137) if outcome.stdout.starts_with(b"tidying up") => {
            Verdict::new("The child was asked to end, and had no time to answer: SIGKILL came in the middle of its work.")
                .ask("What is GRACE for, and from when on does it count?")
        }
        Exit::Code(137) => Verdict::new("The child was not asked to end, or had no time to answer: SIGKILL ended it.")
            .ask("Which signal lets a child tidy up, and how long is it given for that?"),
        Exit::Code(other) if let Some(signal) = another_signal(other) => {
            Verdict::new(format!("The child was ended by {signal}, which it should not have been sent."))
                .ask("By which signal is somebody asked to end, and by which one is it made to?")
        }
        _ => Verdict::new("The program does not exit as its child did."),
    };
    verdict
        .saw(format!("expected: exit code {code}"))
        .saw(outcome.ending())
        .saw_all(outcome.complaint())
        .fail()
}

/// The signal, neither SIGTERM nor SIGKILL, by which a child was ended if that is the program's exit code.
fn another_signal(code: i32) -> Option<Signal> {
    let signal = Signal::try_from(code - 128).ok();
    signal.filter(|signal| ![Signal::SIGTERM, Signal::SIGKILL].contains(signal))
}
