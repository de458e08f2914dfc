//! Whether a program's time was its own: on a machine that others keep busy, it may hardly have run; and who spins needs no more.

use crate::clock::Clock;
use crate::fds::readable;
use crate::proc::stat;
use crate::tracing::Look;
use crate::verdict::fault;
use crate::{Running, Snapshot, State};
use nix::unistd::Pid;
use std::os::fd::OwnedFd;
use std::time::Duration;

/// So much processor time is many times what a program needs that does its work and sleeps. Who has used it and wants more
/// would go on for ever, and its deadline is not waited for.
const SPINS: Duration = Duration::from_secs(1);

impl Running {
    /// On a machine that others keep busy, the time was theirs: then the program has as much again.
    ///
    /// # Panics
    /// When it has had none for too long: nothing is known of it then.
    pub(crate) fn moves_on(&mut self) -> bool {
        // Somebody of them always wants to run, and those who had a processor are gone.
        if self.watch.comes_and_goes() {
            return false;
        }
        // Whom it traces waits for the recorder, which wants to run then, or is held by it on purpose, which is no wish of anybody's. Looked
        // at on both sides of the others: one of them may stop, and be let go on, in between.
        let look = || self.recorder.as_ref().and_then(Look::now);
        let before = look().map(|(state, _)| (state, Duration::ZERO));
        let processes = of_the_run(self.supervisor, self.program);
        let processes = before.into_iter().chain(processes).chain(look());
        move_on(&mut self.clock, processes)
    }

    /// Whether it is known before the deadline that the program will not end until then.
    pub(crate) fn is_hopeless(&mut self) -> bool {
        let why = match &self.enough {
            _ if self.early.is_some() => return true,
            Some(enough) if readable(enough) => match told(enough) {
                // The recording has ended of itself.
                why if why.is_empty() => return false,
                why => why,
            },
            _ if !self.may_compute && self.watch.computed() >= SPINS => {
                format!("it has used {SPINS:?} of processor time, and wants more")
            }
            _ => return false,
        };
        // In tenths of a second, for who reads it.
        let after =
            Duration::from_millis(self.began.elapsed().as_millis() as u64 / 100 * 100 + 100);
        self.early = Some((why, after));
        true
    }
}

/// What stands in a pipe that can be read.
fn told(pipe: &OwnedFd) -> String {
    let mut text = [0; 200];
    let count = nix::unistd::read(pipe, &mut text).unwrap_or_default();
    String::from_utf8_lossy(&text[..count]).into_owned()
}

/// The supervisor, of whom the others may want an answer, and everybody else.
pub(crate) fn of_the_run(supervisor: Pid, program: Pid) -> Vec<(State, Duration)> {
    let supervisor_itself = stat(supervisor).map(|it| (it.state, it.cpu));
    let processes = Snapshot::take(supervisor, program).processes;
    let processes = processes.iter().map(|process| (process.state, process.cpu));
    supervisor_itself.into_iter().chain(processes).collect()
}

/// Whether a time that is over begins anew.
///
/// # Panics
/// When it should, and has done so too often.
pub(crate) fn move_on(
    clock: &mut Clock,
    processes: impl Iterator<Item = (State, Duration)>,
) -> bool {
    if !starve(processes, clock.once()) {
        return false;
    }
    // A time that is too long to begin anew has given everybody a turn.
    clock.moves_on()
        || clock.time() > clock.once()
            && {
                let time = clock.time();
                fault(&format!(
                    "this machine is too busy: within {time:?}, the program had a processor for next to nothing"
                ))
            }
}

/// More of them take the processors from each other, and each has had too little to be counted in the kernel's ticks.
pub(crate) const CROWD: u64 = 20;

/// Whether somebody wants to run, and all together had a processor for a small part of this time only.
fn starve(processes: impl Iterator<Item = (State, Duration)>, time: Duration) -> bool {
    let (mut want, mut had) = (0, Duration::ZERO);
    for (state, cpu) in processes {
        want += u64::from(state == State::Running);
        had += cpu;
    }
    (1..=CROWD).contains(&want) && had < time / 4
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
        // A bomb.
        assert!(!starve(&[(State::Running, 0); 100]));
        // They hang.
        assert!(!starve(&[(State::Sleeping, 10), (State::Stopped, 0), (State::Zombie, 0)]));
        assert!(!starve(&[]));
    }
}
