//! Why a worker does not sleep, or sleeps on, when it should not.

use grader::{Exit, Outcome, Process, Snapshot, State, Verdict};

/// Every call that sleeps for several things; the last three do by the signal that each of them sends (O_ASYNC).
pub(crate) const SLEEPS: [&str; 10] = [
    "poll",
    "ppoll",
    "select",
    "pselect6",
    "epoll_wait",
    "epoll_pwait",
    "epoll_pwait2",
    "rt_sigtimedwait",
    "rt_sigsuspend",
    "pause",
];

/// The verdict on a worker that reads once more.
pub(crate) fn waits_for_more(now: &Snapshot) -> Verdict {
    Verdict::new("The worker has heard its master, and waits for more of the same.")
        .saw("one byte was written, and the pipe stays open")
        .saw_all(now.explain())
        .ask("How often does one read, or what reads until it has enough, when it was said once that there is something?")
}

fn is_awake(outcome: &Outcome) -> bool {
    let now = &outcome.snapshot;
    outcome.exit == Exit::Deadline && now.program().is_some_and(|p| p.state == State::Running)
}

pub(crate) fn must_not_be_awake(outcome: &Outcome) {
    if is_awake(outcome) {
        Verdict::new("The worker never sleeps: it asks again and again, and keeps a processor busy.")
            .saw_all(outcome.snapshot.explain())
            .ask("How long does the call wait that it asks with, and what is there to do in the meantime?")
            .fail();
    }
}

/// Why a worker is still there whose master has said something, or is gone.
pub(crate) fn must_not_sleep_on(outcome: &Outcome, word: &[u8]) {
    let now = &outcome.snapshot;
    let call = now.program().filter(|p| p.blocked()).and_then(Process::call_name);
    if !word.is_empty() && matches!(call, Some("read")) {
        waits_for_more(now).fail();
    }
    if matches!(call, Some("accept" | "accept4")) {
        Verdict::new("The worker sleeps in accept, and does not hear its master.")
            .saw_all(now.explain())
            .ask("Who can wake it there, and when will that be?")
            .fail();
    }
    if word.is_empty() && is_awake(outcome) {
        Verdict::new(
            "The master is gone: the pipe is at its end, and the worker takes no notice. It spins.",
        )
        .saw("at its end, a pipe is readable for ever: poll says POLLHUP, and read returns 0")
        .saw_all(now.explain())
        .ask("What should a worker do whose master is gone?")
        .fail();
    }
    must_not_be_awake(outcome);
    if call.is_some_and(|call| SLEEPS.contains(&call)) {
        let verdict = if word.is_empty() {
            Verdict::new(
                "The master is gone, and the worker sleeps on: its call does not tell it of the pipe's end.",
            )
        } else {
            Verdict::new(
                "The master has spoken, and the worker sleeps on: its call does not tell it of a word in the pipe.",
            )
        };
        verdict
            .saw_all(now.explain())
            .ask("Which descriptors does the call look at, and for which events of each?")
            .fail();
    }
}
