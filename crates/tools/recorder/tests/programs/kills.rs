//! Who is ended by a signal that somebody sends.

use nix::sys::signal::{Signal, kill, killpg, raise};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{Pid, pause, setpgid};

use super::child;

pub(super) fn stopped() {
    let child = child(|| raise(Signal::SIGTSTP).expect("it may"));
    waitpid(child, Some(WaitPidFlag::WUNTRACED)).expect("our child");
    kill(child, Signal::SIGKILL).expect("our child");
    waitpid(child, None).expect("our child");
}

/// Two children in one group are ended by one call.
pub(super) fn terminate_group() {
    ends_group(Signal::SIGTERM);
}

pub(super) fn group() {
    ends_group(Signal::SIGKILL);
}

fn ends_group(signal: Signal) {
    let leader = child(pause);
    setpgid(leader, leader).expect("our child");
    let other = child(pause);
    setpgid(other, leader).expect("our child");
    killpg(leader, signal).expect("our children");
    for child in [leader, other] {
        assert_eq!(waitpid(child, None), Ok(WaitStatus::Signaled(child, signal, false)));
    }
}

/// A call that never returns: who makes it is in the group, with a child.
pub(super) fn own_group(id: i32) {
    let own = Pid::from_raw(0);
    setpgid(own, own).expect("it leads no session");
    child(pause);
    _ = kill(Pid::from_raw(-id), Signal::SIGKILL);
}
