//! A call with what came of it, and what the program did next.

use crate::{Recorded, Seen, Verdict};
use trace::What;
use trace::call::Argument;
use trace::event::{Injected, Outcome};

/// Calls that ask for the same: who was refused by one may ask by another.
const FAMILIES: [&[&str]; 8] = [
    &["read", "readv", "pread64", "recvfrom", "recvmsg"],
    &["write", "writev", "pwrite64", "sendto", "sendmsg"],
    &["accept", "accept4"],
    WAITS,
    &["wait4", "waitid"],
    &["open", "openat", "openat2", "creat"],
    &["fork", "vfork", "clone"],
    SLEEPS,
];
/// Calls that return when there is something to do.
pub(crate) const WAITS: &[&str] =
    &["poll", "ppoll", "select", "pselect6", "epoll_wait", "epoll_pwait", "epoll_pwait2"];
/// Calls that return when a time has passed.
pub(super) const SLEEPS: &[&str] = &["nanosleep", "clock_nanosleep"];
/// A call that met with something: a failure, or a count that was made smaller.
pub(super) struct Met<'a> {
    pub(super) name: &'a str,
    pub(super) enter: &'a Seen,
    pub(super) leave: &'a Seen,
    /// What the recorder did, where it did something.
    deed: Option<&'a Injected>,
    /// All that came after its return.
    rest: &'a [Seen],
}

impl<'a> Met<'a> {
    /// Every call that has returned.
    pub(super) fn all(seen: &'a Recorded) -> impl Iterator<Item = Met<'a>> {
        seen.steps.iter().enumerate().filter_map(|(at, leave)| {
            let What::Leave { name, .. } = &leave.event.what else { return None };
            let before = seen.steps[..at].iter().rev().filter(|s| s.event.task == leave.event.task);
            let mut deed = None;
            let enter = before.into_iter().find(|step| {
                if let What::Injected { deed: found, .. } = &step.event.what {
                    deed = Some(found);
                }
                matches!(step.event.what, What::Enter { .. })
            })?;
            Some(Met { name, enter, leave, deed, rest: &seen.steps[at + 1..] })
        })
    }

    /// The calls that the recorder made fail with this.
    pub(super) fn failed(seen: &'a Recorded, error: &[&str]) -> Vec<Met<'a>> {
        let is = |met: &Met<'_>| matches!(met.deed, Some(Injected::Fails(it)) if error.contains(&it.as_str()));
        Met::all(seen).filter(is).collect()
    }

    /// The calls of this family that the recorder made short, and how many bytes they have moved.
    pub(super) fn short(seen: &'a Recorded, of: &str) -> Vec<(Met<'a>, u64)> {
        let moved = |met: Met<'a>| match (met.deed, &met.leave.event.what) {
            (Some(Injected::Short(_)), What::Leave { result: Outcome::Value(count), .. }) => {
                u64::try_from(*count).ok().map(|count| (met, count))
            }
            _ => None,
        };
        let short = Met::all(seen).filter_map(moved);
        short.filter(|(met, count)| family(met.name) == family(of) && *count > 0).collect()
    }

    /// Whether it offers bytes.
    pub(super) fn is_offer(&self) -> bool {
        family(self.name) == "write"
    }

    /// What the same process did after its return.
    pub(super) fn after(&self) -> impl Iterator<Item = &'a Seen> {
        self.rest.iter().filter(|step| step.process == self.leave.process)
    }

    /// Whether with this step the same is asked for again, of the same file.
    pub(super) fn is_again(&self, step: &Seen) -> bool {
        let What::Enter { name, arguments, .. } = &step.event.what else { return false };
        let What::Enter { arguments: before, .. } = &self.enter.event.what else { return false };
        family(name) == family(self.name)
            && !makes_a_thread(name, arguments)
            && step.description == self.enter.description
            && path(arguments) == path(before)
    }

    /// When the same is asked for again.
    pub(super) fn again(&self) -> Option<&'a Seen> {
        self.after().find(|step| self.is_again(step))
    }

    /// What it met with, and what the program did next.
    pub(super) fn told(&self, verdict: Verdict) -> Verdict {
        let told = |step: &&Seen| {
            matches!(step.event.what, What::Enter { .. } | What::Ended { .. } | What::Exec { .. })
        };
        let next = self.after().filter(told).take(2).map(ToString::to_string);
        verdict.saw(self.enter.to_string()).saw(self.leave.to_string()).saw_all(next)
    }
}

/// Calls that ask for the same as this one.
fn family(name: &str) -> &str {
    FAMILIES.iter().find(|family| family.contains(&name)).map_or(name, |family| family[0])
}

/// That is made by a call of the same name as a process.
fn makes_a_thread(name: &str, arguments: &[Argument]) -> bool {
    let is_for_one =
        |flags: &u64| flags & nix::libc::CLONE_THREAD as u64 == nix::libc::CLONE_THREAD as u64;
    name == "clone"
        && matches!(arguments.first(), Some(Argument::Flags(flags)) if is_for_one(flags))
}

fn path(arguments: &[Argument]) -> Option<&str> {
    arguments.iter().find_map(|argument| match argument {
        Argument::Path(path) => Some(path.as_str()),
        _ => None,
    })
}

/// What a call offers: the first of its bytes, and how many there are.
pub(super) fn offered(step: &Seen) -> Option<(&str, u64)> {
    let What::Enter { arguments, .. } = &step.event.what else { return None };
    arguments.iter().find_map(|argument| match argument {
        Argument::Bytes(text, count) => Some((text.as_str(), *count)),
        _ => None,
    })
}

pub(super) fn is_call(step: &Seen, among: &[&str]) -> bool {
    matches!(&step.event.what, What::Enter { name, .. } if among.contains(&name.as_str()))
}
