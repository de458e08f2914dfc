//! Who runs next.

use trace::Task;

/// By which rule the recorder chooses who runs, one task at a time. Each gives the same run each time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Policy {
    /// Who runs goes on until it must wait; then the one that has waited longest for its turn.
    #[default]
    RunToBlock,
    /// Always the youngest that can run: a child before its parent.
    ChildFirst,
    /// Always the eldest that can run: a parent before its child.
    ParentFirst,
    /// Any that can run, anew at each step; the seed says which.
    Random,
    /// The recorder doesn't choose: the kernel does, as in a run that nobody watches.
    Free,
}

impl Policy {
    /// Its name, as in `--policy`.
    pub fn name(self) -> &'static str {
        match self {
            Policy::RunToBlock => "run-to-block",
            Policy::ChildFirst => "child-first",
            Policy::ParentFirst => "parent-first",
            Policy::Random => "random",
            Policy::Free => "free",
        }
    }
}

/// After so many steps, somebody else has a turn: who asks again and again what only another can
/// change would else never hear of it.
const LONG: u32 = 2000;

/// Who has had the last turn, and how it went.
#[derive(Debug)]
pub(crate) struct Turns {
    policy: Policy,
    chance: fastrand::Rng,
    last: Option<Task>,
    steps: u32,
}

impl Turns {
    pub(crate) fn new(policy: Policy, seed: u64) -> Turns {
        Turns { policy, chance: fastrand::Rng::with_seed(seed), last: None, steps: 0 }
    }

    /// Chooses among those that can run, given with the time since when they can.
    pub(crate) fn choose(&mut self, ready: &[(Task, u64)]) -> Option<Task> {
        let last = self.last;
        let long = self.steps >= LONG;
        let others: Vec<_> =
            ready.iter().copied().filter(|&(task, _)| !(long && Some(task) == last)).collect();
        let ready = if others.is_empty() { ready } else { &others };
        let chosen = match self.policy {
            Policy::RunToBlock | Policy::Free => ready
                .iter()
                .find(|&&(task, _)| Some(task) == last)
                .or_else(|| ready.iter().min_by_key(|&&(task, since)| (since, task))),
            Policy::ChildFirst => ready.iter().max(),
            Policy::ParentFirst => ready.iter().min(),
            Policy::Random => self.chance.choice(ready),
        };
        let &(task, _) = chosen?;
        self.steps = if Some(task) == last && !long { self.steps + 1 } else { 0 };
        self.last = Some(task);
        Some(task)
    }

    /// Whoever has the turn has had enough of it.
    pub(crate) fn give_up(&mut self) {
        self.steps = LONG;
    }
}
