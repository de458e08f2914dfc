//! Whether a program's time was its own: on a machine that others keep busy, it may hardly have run.

use crate::State;
use std::time::Duration;

/// Whether somebody wants to run, and all together had a processor for a small part of this time only.
pub(crate) fn starve(processes: impl Iterator<Item = (State, Duration)>, time: Duration) -> bool {
    let (mut wants, mut had) = (false, Duration::ZERO);
    for (state, cpu) in processes {
        wants |= state == State::Running;
        had += cpu;
    }
    wants && had < time / 4
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_wants_to_run_and_may_not_starves() {
        let time = Duration::from_secs(3);
        let starve = |processes: &[(State, u64)]| {
            let processes = processes.iter();
            starve(processes.map(|&(state, ms)| (state, Duration::from_millis(ms))), time)
        };
        assert!(starve(&[(State::Running, 40)]));
        assert!(starve(&[(State::Sleeping, 10), (State::Running, 40)]));
        // It spins.
        assert!(!starve(&[(State::Running, 2900)]));
        assert!(!starve(&[(State::Running, 400), (State::Running, 400)]));
        // They hang.
        assert!(!starve(&[(State::Sleeping, 10), (State::Stopped, 0), (State::Zombie, 0)]));
        assert!(!starve(&[]));
    }
}
