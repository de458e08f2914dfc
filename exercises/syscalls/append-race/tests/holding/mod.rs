//! One of the two writers is held before a call, until the other one has written.

use super::{LOG, WRITES, run};
use grader::{Exit, Folder, Injection, Policy, Recorded, Recording, Seen};
use std::time::Duration;

/// The calls by which LOG may be opened, or made.
const OPENS: [&str; 2] = ["open", "openat"];

/// Who is held, and until when.
#[derive(Clone, Copy)]
pub(crate) struct Hold {
    who: &'static str,
    before: &'static [&'static str],
    nth: u32,
    other: &'static str,
    /// The number of the other one's write.
    until: u32,
    policy: Policy,
}

impl Hold {
    /// Before a write with this number, until one of the other writer's is over.
    pub(crate) fn write(who: &'static str, nth: u32, other: &'static str, until: u32) -> Self {
        Self { who, before: &WRITES, nth, other, until, policy: Policy::default() }
    }

    /// Anna before she opens the file with this number, until Bert has written.
    pub(crate) fn open(nth: u32) -> Self {
        let policy = Policy::ChildFirst;
        Self { who: "P2", before: &OPENS, nth, other: "P3", until: 1, policy }
    }

    /// Records a run in which this happens, with this in LOG from the start, and has it judged. Returns whether this machine records.
    ///
    /// Who looks from time to time whether a lock is free waits in vain as long as its owner is held. Then nothing is judged; but in a second
    /// run, the owner goes on as soon as the other one sleeps for the first time, who has looked at LOG by then.
    pub(crate) fn judge(self, before: Option<&str>, judge: impl Fn(&Folder, &Recorded)) -> bool {
        let of_opens = self.before == OPENS;
        let until = |call: &str| {
            format!("{}:{}:{}", self.other, if of_opens { "write" } else { call }, self.until)
        };
        let Some((folder, seen)) = self.record(before, until) else { return false };
        if !self.is_held_to_the_end(&seen) {
            judge(&folder, &seen);
            return true;
        }
        let sleeps = |step: &&Seen| {
            let for_a_time = step.begins().is_some_and(|call| call.ends_with("nanosleep"));
            step.process.to_string() == self.other && (for_a_time || step.limit.is_some())
        };
        let Some(sleep) = seen.steps.iter().find(sleeps).and_then(Seen::begins) else {
            return true;
        };
        let Some((folder, seen)) = self.record(before, |_| format!("{}:{sleep}:1", self.other))
        else {
            return false;
        };
        if !self.is_held_to_the_end(&seen) {
            judge(&folder, &seen);
        }
        true
    }

    fn record(
        self,
        before: Option<&str>,
        until: impl Fn(&str) -> String,
    ) -> Option<(Folder, Recorded)> {
        let folder = Folder::new();
        if let Some(text) = before {
            folder.put(LOG, text);
        }
        let hold = |call: &&str| {
            let text = format!("{}:{call}:{}={}", self.who, self.nth, until(call));
            Injection::hold(&text).expect("it is well written")
        };
        let run = run(&folder, 2).deadline(Duration::from_secs(3)).recorded().policy(self.policy);
        let seen = self.before.iter().map(hold).fold(run, Recording::inject).record()?;
        Some((folder, seen))
    }

    /// Whether the time was up with this one still held.
    fn is_held_to_the_end(self, seen: &Recorded) -> bool {
        let holds = format!(" holds {} before its ", self.who);
        let Some(at) = seen.steps.iter().position(|step| step.sentence.contains(&holds)) else {
            return false;
        };
        let goes_on = |step: &Seen| step.process.to_string() == self.who && step.begins().is_some();
        seen.outcome.exit == Exit::Deadline && !seen.steps[at..].iter().any(goes_on)
    }
}
