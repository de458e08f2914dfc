//! The layers of containment: which there are, which work here, and what they do not bound.

use crate::verdict::fault;
use crate::{landlock, supervisor};
use std::sync::OnceLock;

/// How strongly a run is contained.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Containment {
    /// A supervisor, a session of its own, limits and `no_new_privs`: it keeps track, and keeps nobody off.
    Bare,
    /// Besides, what needs no namespaces: Landlock, a seccomp filter and, for root, a user of the run's own.
    Fallback,
    /// Besides, namespaces for pids, mounts and the network.
    Namespaces,
}

impl Containment {
    /// What `GRADER_CONTAINMENT` asks for: `bare`, `fallback` or `namespaces`; without it, the strongest.
    ///
    /// # Panics
    /// When it asks for something else.
    #[must_use]
    pub fn wanted() -> Self {
        match std::env::var("GRADER_CONTAINMENT").as_deref() {
            Err(_) | Ok("namespaces") => Self::Namespaces,
            Ok("fallback") => Self::Fallback,
            Ok("bare") => Self::Bare,
            Ok(other) => fault(&format!(
                "GRADER_CONTAINMENT is {other:?}, which is none of bare, fallback and namespaces"
            )),
        }
    }
}

/// The layers that a run has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Layers {
    pub(crate) namespaces: bool,
    /// The version of Landlock.
    pub(crate) landlock: Option<i32>,
    pub(crate) seccomp: bool,
    /// Each run gets a user of its own.
    pub(crate) own_user: bool,
}

impl Layers {
    const NONE: Self = Self { namespaces: false, landlock: None, seccomp: false, own_user: false };

    /// The layers that work here, up to that strength. Found out once per process, by trying.
    pub(crate) fn of(wanted: Containment) -> Self {
        static FALLBACK: OnceLock<Layers> = OnceLock::new();
        static NAMESPACES: OnceLock<Layers> = OnceLock::new();
        match wanted {
            Containment::Bare => Self::NONE,
            Containment::Fallback => *FALLBACK.get_or_init(|| Self::find(false)),
            Containment::Namespaces => *NAMESPACES.get_or_init(|| Self::find(true)),
        }
    }

    fn find(namespaces: bool) -> Self {
        let mut layers = Self {
            namespaces,
            landlock: landlock::version(),
            seccomp: true,
            own_user: may_give_users(),
        };
        // What the machine refuses is left out, one layer a round; without any there is nothing left to refuse.
        while layers != Self::NONE {
            match crate::ready::rehearse(layers) {
                Ok(()) => break,
                Err(step) => layers.leave_out(step),
            }
        }
        layers
    }

    /// Leaves out what this step of the supervisor is part of, and everything if it is part of no layer.
    fn leave_out(&mut self, step: i32) {
        match step {
            supervisor::FILTER if self.seccomp => self.seccomp = false,
            supervisor::RULES if self.landlock.is_some() => self.landlock = None,
            supervisor::USER if self.own_user => self.own_user = false,
            _ if self.namespaces => self.namespaces = false,
            _ => *self = Self::NONE,
        }
    }

    /// Whether signals stay in the run even where the supervisor isn't asked about them.
    pub(crate) fn keeps_signals(self) -> bool {
        self.namespaces
    }

    /// Whether the number of processes is bound by the kernel.
    pub(crate) fn limits_processes(self) -> bool {
        self.own_user || !nix::unistd::geteuid().is_root()
    }

    /// In one line: what holds, and what doesn't.
    fn line(self) -> String {
        let mut holds: Vec<String> = Vec::new();
        if self.namespaces {
            holds.push("namespaces for pids, mounts and network".into());
        }
        if let Some(version) = self.landlock {
            holds.push(format!("Landlock {version}"));
        }
        if self.seccomp {
            holds.push("seccomp".into());
        }
        if self.own_user {
            holds.push("a user of its own".into());
        }
        holds.push("rlimits".into());
        let strength = match self {
            Self { namespaces: true, seccomp: true, .. } => "strong",
            Self { seccomp: true, landlock: Some(_), .. } => "good",
            Self { seccomp: true, own_user: true, .. } => "good",
            _ => "weak",
        };
        let gaps = self.gaps().join(", ");
        format!("containment: {strength} ({}); not bound: {gaps}", holds.join(", "))
    }

    /// The one list of what these layers do not bound.
    fn gaps(self) -> Vec<&'static str> {
        let mut gaps = Vec::new();
        let guards_signals = self.namespaces || self.seccomp || self.own_user;
        if !guards_signals {
            gaps.push("signals to processes of the same user");
        }
        if !(self.namespaces || self.landlock.is_some() || self.own_user) {
            gaps.push("writing to the user's files");
        }
        if !(self.namespaces || self.own_user) {
            gaps.push("permissions and times of the user's files");
        }
        if !(self.namespaces || self.landlock.is_some() || self.own_user || self.seccomp) {
            gaps.push("tracing of the user's processes");
        }
        if !(self.namespaces || self.seccomp) {
            gaps.push("the network");
        }
        if !self.own_user {
            gaps.push("services that listen on Unix sockets for its user");
        }
        if !self.namespaces {
            gaps.push("disk space in the scratch folder");
        }
        if !self.limits_processes() {
            gaps.push("the number of processes");
        }
        gaps.push("total memory (it is watched)");
        gaps.push("processor time before the deadline");
        gaps.push("reading of what its user may read");
        gaps
    }
}

/// What contains a run of that strength on this machine, and what does not, in one line.
#[must_use]
pub fn containment(wanted: Containment) -> String {
    Layers::of(wanted).line()
}

/// Whether this process may start one of another user, and still look into it as it does into its own: the
/// capabilities SETGID, SETUID and SYS_PTRACE, and a number for that user.
fn may_give_users() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let effective = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    let effective = effective.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    let needed = 1 << 6 | 1 << 7 | 1 << 19;
    effective.is_some_and(|mask| mask & needed == needed) && all_numbers_mapped()
}

/// Whether every user number means somebody: in a container's user namespace, often only 65536 do.
fn all_numbers_mapped() -> bool {
    let maps = std::fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
    maps.lines().any(|line| {
        let mut numbers = line.split_whitespace().map(str::parse::<u64>);
        let (first, length) = (numbers.next(), numbers.nth(1));
        matches!((first, length), (Some(Ok(0)), Some(Ok(length))) if length > u64::from(FIRST_USER + USERS))
    })
}

/// Users that no machine gives to anybody: above those of systemd, containers and subuid(5), and still an int.
const FIRST_USER: u32 = 1_900_000_000;
const USERS: u32 = 1 << 24;

/// A user for one run.
pub(crate) fn user_of_a_run() -> u32 {
    FIRST_USER + fastrand::u32(..USERS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_says_what_holds_and_what_does_not() {
        let strong = Layers { namespaces: true, landlock: Some(7), seccomp: true, own_user: true };
        assert!(strong.line().starts_with(
            "containment: strong (namespaces for pids, mounts and network, Landlock 7, "
        ));
        assert!(strong.line().contains("; not bound: total memory (it is watched)"));
        let weak = Layers::NONE.line();
        assert!(weak.contains("weak (rlimits); not bound: signals to processes"), "{weak}");
        assert!(weak.contains("the network"), "{weak}");
    }
}
