//! One of the two writers is held before a call, until the other one has written.

use super::{LOG, WRITES, run};
use grader::{Exit, Folder, Injection, Policy, Recorded, Recording, Seen};

/// The calls by which LOG may be opened, or made.
const OPENS: [&str; 2] = ["open", "openat"];
/// The call by which std and the C library sleep for a time.
const SLEEP: &str = "clock_nanosleep";
/// More sleeps than anybody makes for two records who doesn't wait for something.
const IN_VAIN: usize = 10;

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
    /// Who looks from time to time whether a lock is free waits in vain as long as its owner is held: where the other one has slept often
    /// enough, the owner goes on, and that run is judged. Who sleeps by other calls waits until the time is up, and nothing is judged.
    pub(crate) fn judge(self, before: Option<&str>, judge: impl Fn(&Folder, &Recorded)) -> bool {
        let sleep = |_: &str| format!("{}:{SLEEP}:{IN_VAIN}", self.other);
        let Some((folder, seen)) = self.record(before, sleep) else { return false };
        if self.has_slept_in_vain(&seen) {
            judge(&folder, &seen);
            return true;
        }
        if self.is_held_to_the_end(&seen) {
            return true;
        }
        let of_opens = self.before == OPENS;
        let write = |call: &str| {
            format!("{}:{}:{}", self.other, if of_opens { "write" } else { call }, self.until)
        };
        let Some((folder, seen)) = self.record(before, write) else { return false };
        if !self.is_held_to_the_end(&seen) {
            judge(&folder, &seen);
        }
        true
    }

    /// Whether the other one has slept so often while this one was held, which has gone on then.
    fn has_slept_in_vain(self, seen: &Recorded) -> bool {
        let sleeps =
            |step: &&Seen| step.returns() == Some(SLEEP) && step.process.to_string() == self.other;
        self.while_held(seen).filter(sleeps).count() >= IN_VAIN
    }

    /// What has happened from the hold on until this one has gone on.
    fn while_held(self, seen: &Recorded) -> impl Iterator<Item = &Seen> {
        let holds = format!(" holds {} before its ", self.who);
        let goes_on =
            move |step: &&Seen| step.process.to_string() == self.who && step.begins().is_some();
        let from = seen.steps.iter().skip_while(move |step| !step.sentence.contains(&holds));
        from.take_while(move |step| !goes_on(step))
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
        let run = run(&folder, 2).recorded().policy(self.policy);
        let seen = self.before.iter().map(hold).fold(run, Recording::inject).record()?;
        Some((folder, seen))
    }

    /// Whether the time was up with this one still held.
    fn is_held_to_the_end(self, seen: &Recorded) -> bool {
        let last = self.while_held(seen).last().map(|step| step.event.step);
        let end = seen.steps.last().map(|step| step.event.step);
        seen.outcome.exit == Exit::Deadline && last.is_some() && last == end
    }
}
