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
/// Whoever has waited for its turn while the others made so many steps is next: two who take turns with each other would else
/// keep a third one out for ever.
const TOO_LONG: u64 = 3 * LONG as u64;

/// Who has had the last turn, and how it went.
#[derive(Debug)]
pub(crate) struct Turns {
    policy: Policy,
    chance: fastrand::Rng,
    last: Option<Task>,
    steps: u32,
    /// Lets all others run first.
    patient: Option<Task>,
    /// Runs as long as it can, whatever the policy.
    next: Option<Task>,
}

impl Turns {
    pub(crate) fn new(policy: Policy, seed: u64) -> Turns {
        let chance = fastrand::Rng::with_seed(seed);
        Turns { policy, chance, last: None, steps: 0, patient: None, next: None }
    }

    /// Chooses among those that can run, given with the time since when they can.
    pub(crate) fn choose(&mut self, ready: &[(Task, u64)]) -> Option<Task> {
        if self.steps >= LONG {
            self.patient = self.last;
        }
        let now = ready.iter().map(|&(_, since)| since).max().unwrap_or_default();
        let longest = ready.iter().copied().min_by_key(|&(task, since)| (since, task));
        if let Some((task, since)) = longest
            && now - since > TOO_LONG
            && self.next.is_none()
        {
            self.next = Some(task);
        }
        let impatient: Vec<_> =
            ready.iter().copied().filter(|&(task, _)| Some(task) != self.patient).collect();
        let ready = if impatient.is_empty() { ready } else { &impatient };
        self.next = self.next.filter(|next| ready.iter().any(|(task, _)| task == next));
        let chosen = match self.policy {
            _ if self.next.is_some() => ready.iter().find(|&&(task, _)| Some(task) == self.next),
            Policy::RunToBlock | Policy::Free => ready
                .iter()
                .find(|&&(task, _)| Some(task) == self.last)
                .or_else(|| ready.iter().min_by_key(|&&(task, since)| (since, task))),
            Policy::ChildFirst => ready.iter().max(),
            Policy::ParentFirst => ready.iter().min(),
            Policy::Random => self.chance.choice(ready),
        };
        let &(task, _) = chosen?;
        if Some(task) == self.last {
            self.steps += 1;
        } else {
            self.steps = 0;
        }
        if Some(task) == self.patient {
            (self.patient, self.steps) = (None, 0);
        }
        self.last = Some(task);
        Some(task)
    }

    /// This task was held until now: it runs next, until it sleeps or that is enough.
    pub(crate) fn prefer(&mut self, task: Task) {
        self.next = Some(task);
    }

    /// It has done what it was preferred for.
    pub(crate) fn enough(&mut self, task: Task) {
        self.next = self.next.filter(|&next| next != task);
    }

    /// Whether nobody can run but one that has asked in vain.
    pub(crate) fn can_only_ask(&self, ready: &[(Task, u64)]) -> bool {
        let patient = self.patient.or(self.last.filter(|_| self.steps >= LONG));
        ready.iter().all(|&(task, _)| Some(task) == patient)
    }

    /// This task has asked in vain for what only others can bring about: they run first.
    pub(crate) fn give_up(&mut self, task: Task) {
        self.patient = Some(task);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const READY: [(Task, u64); 3] = [(Task(1), 30), (Task(2), 10), (Task(3), 20)];

    fn chosen(turns: &mut Turns, times: usize) -> Vec<u32> {
        (0..times).filter_map(|_| Some(turns.choose(&READY)?.0)).collect()
    }

    #[test]
    fn each_policy_has_its_rule() {
        assert_eq!(chosen(&mut Turns::new(Policy::RunToBlock, 0), 2), [2, 2]);
        assert_eq!(chosen(&mut Turns::new(Policy::ChildFirst, 0), 2), [3, 3]);
        assert_eq!(chosen(&mut Turns::new(Policy::ParentFirst, 0), 2), [1, 1]);
        let random = chosen(&mut Turns::new(Policy::Random, 7), 20);
        assert_eq!(random, chosen(&mut Turns::new(Policy::Random, 7), 20));
        assert_ne!(random, chosen(&mut Turns::new(Policy::Random, 8), 20));
    }

    #[test]
    fn nobody_runs_for_ever_while_others_could() {
        for policy in [Policy::RunToBlock, Policy::ChildFirst, Policy::ParentFirst] {
            let mut turns = Turns::new(policy, 0);
            let all = chosen(&mut turns, 3 * LONG as usize);
            assert!(all.windows(2).any(|pair| pair[0] != pair[1]), "{policy:?}");
        }
    }

    #[test]
    fn nobody_is_kept_out_by_two_who_take_turns() {
        for policy in [Policy::ChildFirst, Policy::ParentFirst] {
            let mut turns = Turns::new(policy, 0);
            let mut ready = READY.map(|(task, _)| (task, 0));
            let mut chosen = Vec::new();
            for now in 1..6 * u64::from(LONG) {
                // Of the three, the policy's first and second one run in turn.
                let task = turns.choose(&ready).expect("all can");
                if chosen.last() != Some(&task) {
                    chosen.push(task);
                }
                turns.give_up(task);
                ready.iter_mut().filter(|other| other.0 == task).for_each(|it| it.1 = now);
            }
            chosen.sort();
            chosen.dedup();
            assert_eq!(chosen.len(), 3, "{policy:?}");
        }
    }

    #[test]
    fn who_gives_up_is_next_only_when_nobody_else_can_run() {
        let mut turns = Turns::new(Policy::ParentFirst, 0);
        turns.give_up(Task(1));
        assert_eq!(chosen(&mut turns, 2), [2, 2]);
        assert_eq!(turns.choose(&[(Task(1), 0)]), Some(Task(1)));
        assert_eq!(chosen(&mut turns, 1), [1]);
    }
}
