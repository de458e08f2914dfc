//! How a run comes to its end: nobody of it is left.

use super::calls::{clone, exit, reap};
use super::doorman::write_decimal;
use super::program::drop_privileges;
use super::report::{ENDED, Report};
use nix::poll::{PollTimeout, poll};
use nix::sys::signal::{Signal, kill};
use nix::unistd::{ForkResult, Pid, getpid};
use std::ffi::CStr;

/// How long the supervisor tries to kill, in rounds of about a millisecond.
const ROUNDS: u32 = 5000;
/// How often everybody is stopped before anybody is killed, in each round, while they go on forking.
const STOPPING: u32 = 50;
/// How far down from a child to follow its children. Deeper ones come up when those above are killed.
const DEPTH: u32 = 40;

/// In a pid namespace: ends the program, and leaves everybody else to the kernel.
pub(super) fn end_program(program: Pid) -> Report {
    let _ = kill(program, Signal::SIGKILL);
    for _ in 0..ROUNDS {
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
    let me = getpid().as_raw();
    for round in 0..ROUNDS {
        if let Some(user) = user {
            kill_all_of(user);
        }
        let mut known = 0;
        for _ in 0..STOPPING {
            let found = signal_descendants(me, Signal::SIGSTOP, DEPTH);
            // Twice the same number: nobody has forked in between.
            if found == known {
                break;
            }
            known = found;
        }
        signal_descendants(me, Signal::SIGKILL, DEPTH);
        loop {
            match reap() {
                Ok(Some((pid, status))) if pid == program.as_raw() => ended = [ENDED, 1, status],
                Ok(Some(_)) => {}
                Ok(None) => break,
                Err(_) => return ended,
            }
        }
        // A killed process needs a moment to die; there is no descriptor to wait on for all of them.
        let _ = poll(&mut [], PollTimeout::from(if round < 100 { 1u8 } else { 5 }));
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

/// Sends a signal to every child that the kernel lists for `parent` (proc(5), `children`), and to theirs; returns
/// to how many.
fn signal_descendants(parent: i32, signal: Signal, depth: u32) -> u32 {
    let mut path = [0; 64];
    let Some(path) = children_path(parent, &mut path) else { return 0 };
    let flags = nix::fcntl::OFlag::O_RDONLY | nix::fcntl::OFlag::O_CLOEXEC;
    let Ok(list) = nix::fcntl::open(path, flags, nix::sys::stat::Mode::empty()) else { return 0 };
    let mut buffer = [0u8; 1024];
    let (mut pid, mut count) = (0, 0);
    while let Ok(read @ 1..) = nix::unistd::read(&list, &mut buffer) {
        for byte in buffer.iter().take(read) {
            if byte.is_ascii_digit() {
                pid = pid * 10 + i32::from(byte - b'0');
                continue;
            }
            // 0 and 1 would be "my process group" and init; nobody's child has those numbers.
            if pid > 1 {
                count += 1;
                let _ = kill(Pid::from_raw(pid), signal);
                if depth > 0 {
                    count += signal_descendants(pid, signal, depth - 1);
                }
            }
            pid = 0;
        }
    }
    count
}

/// `/proc/PID/task/PID/children`, put together without allocating.
fn children_path(pid: i32, into: &mut [u8; 64]) -> Option<&CStr> {
    let mut length = 0;
    let mut digits = [0; 10];
    let count = write_decimal(pid.unsigned_abs(), &mut digits);
    for part in
        [b"/proc/".as_slice(), &digits[..count], b"/task/", &digits[..count], b"/children\0"]
    {
        into.get_mut(length..length + part.len())?.copy_from_slice(part);
        length += part.len();
    }
    CStr::from_bytes_until_nul(into).ok()
}
