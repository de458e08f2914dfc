//! How a run comes to its end: nobody of it is left.

use super::calls::{clone, exit, reap};
use super::family::each_descendant;
use super::program::drop_privileges;
use super::report::{ENDED, Report};
use nix::poll::{PollTimeout, poll};
use nix::sys::signal::{Signal, kill};
use nix::unistd::{ForkResult, Pid, getpid};
use std::time::{Duration, Instant};

/// How long the supervisor tries to kill. Who waits for a busy disk dies when that has answered, and who waits for a processor
/// when there is one, and not before.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often everybody is stopped before anybody is killed, in each round, while they go on forking.
const STOPPING: u32 = 50;

/// In a pid namespace: ends everybody, waits for the program, and leaves the others to the kernel.
pub(super) fn end_namespace(program: Pid) -> Report {
    let began = Instant::now();
    while began.elapsed() < PATIENCE {
        // To pid 1, everybody is whoever is in its namespace. They go in one call, past which nobody forks: of a bomb,
        // what is left would take the processor from those that are to die.
        let all = if getpid().as_raw() == 1 { Pid::from_raw(-1) } else { program };
        let _ = kill(all, Signal::SIGKILL);
        while let Ok(Some((pid, status))) = reap() {
            if pid == program.as_raw() {
                return [ENDED, 1, status];
            }
        }
        let _ = poll(&mut [], PollTimeout::from(1u8));
    }
    [ENDED, 0, 0]
}

/// Kills and reaps until there is nobody left. Whoever loses its parent becomes our child and is met in the
/// next round, so "no child left" means "no descendant left".
///
/// A fork bomb is faster than one that kills. So everybody is stopped first: who is stopped does not fork, and takes up a
/// place among the limited number, so the bomb has less and less room. Killing gives places back, and comes last.
pub(super) fn end_everybody(program: Pid, user: Option<u32>) -> Report {
    let mut ended = [ENDED, 0, 0];
    let began = Instant::now();
    while began.elapsed() < PATIENCE {
        if let Some(user) = user {
            kill_all_of(user);
        }
        let mut known = 0;
        for _ in 0..STOPPING {
            let found = signal_descendants(Signal::SIGSTOP);
            // Twice the same number: nobody has forked in between.
            if found == known {
                break;
            }
            known = found;
        }
        signal_descendants(Signal::SIGKILL);
        loop {
            match reap() {
                Ok(Some((pid, status))) if pid == program.as_raw() => ended = [ENDED, 1, status],
                Ok(Some(_)) => {}
                Ok(None) => break,
                Err(_) => return ended,
            }
        }
        // A killed process needs a moment to die; there is no descriptor to wait on for all of them.
        let moment = if began.elapsed().as_millis() < 100 { 1u8 } else { 5 };
        let _ = poll(&mut [], PollTimeout::from(moment));
    }
    [ENDED, 0, 0]
}

/// Kills every process of a user whom nobody else is: in one call, past which nobody forks.
fn kill_all_of(user: u32) {
    match clone(0) {
        Ok(ForkResult::Child) => {
            if drop_privileges(Some(user)).is_ok() {
                // Reaches whom this user may signal, and not the caller.
                let _ = kill(Pid::from_raw(-1), Signal::SIGKILL);
            }
            exit(0)
        }
        Ok(ForkResult::Parent { child }) => {
            // SAFETY: a null pointer where the status would go. No signal is let in, so nothing interrupts it.
            unsafe { libc::waitpid(child.as_raw(), std::ptr::null_mut(), 0) };
        }
        Err(_) => {}
    }
}

/// Sends a signal to every descendant that is found; returns to how many.
fn signal_descendants(signal: Signal) -> u32 {
    let mut count = 0;
    each_descendant(getpid().as_raw(), &mut |pid| {
        count += 1;
        let _ = kill(Pid::from_raw(pid), signal);
    });
    count
}
