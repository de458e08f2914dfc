//! What a supervisor tells its test: numbers, because it formats no text.

use nix::errno::Errno;
use std::os::fd::{BorrowedFd, RawFd};

/// What a supervisor writes to its report pipe: which event, and two numbers.
pub(crate) type Report = [i32; 3];
/// `[STARTED, pid, 0]`: the program's process is there.
pub(crate) const STARTED: i32 = 1;
/// `[FAILED, step, errno]`: a step did not work; see [`step_name`].
pub(crate) const FAILED: i32 = 2;
/// `[REFUSED, call, argument]`: the program tried to reach out of its run.
pub(crate) const REFUSED: i32 = 4;
/// `[ENDED, 1, status]`: every process is gone; the program's wait status. `[ENDED, 0, 0]`: some would not go.
pub(crate) const ENDED: i32 = 3;

/// `[READY, 0, 0]`, from the program's process: it may be traced, and waits for that.
pub(crate) const READY: i32 = 5;

/// A step that did not work, and why.
pub(super) type Step<T> = Result<T, (i32, Errno)>;

/// The name of a step, for the message of a failed one.
pub(crate) fn step_name(step: i32) -> &'static str {
    STEPS.iter().find(|(number, _)| *number == step).map_or("an unknown step", |(_, name)| name)
}

pub(super) const SETSID: i32 = 1;
pub(super) const SUBREAPER: i32 = 2;
pub(super) const CLOSE: i32 = 3;
pub(super) const FORK: i32 = 4;
pub(super) const MASK: i32 = 5;
pub(super) const DEATH_SIGNAL: i32 = 6;
pub(super) const PRIVILEGES: i32 = 7;
pub(super) const LIMITS: i32 = 8;
pub(super) const DUP: i32 = 9;
pub(super) const EXEC: i32 = 10;
pub(super) const MAPS: i32 = 11;
pub(super) const MOUNT: i32 = 12;
pub(super) const PROC: i32 = 13;
pub(super) const LOOPBACK: i32 = 14;
pub(crate) const FILTER: i32 = 15;
pub(crate) const USER: i32 = 16;
pub(crate) const RULES: i32 = 17;
pub(super) const FOLDER: i32 = 18;
pub(super) const DUMPABLE: i32 = 19;
pub(super) const UNSHARE: i32 = 20;
const STEPS: [(i32, &str); 20] = [
    (SETSID, "setsid(2)"),
    (SUBREAPER, "prctl(PR_SET_CHILD_SUBREAPER)"),
    (CLOSE, "close_range(2), which needs Linux 5.9"),
    (FORK, "fork(2)"),
    (MASK, "sigprocmask(2)"),
    (DEATH_SIGNAL, "prctl(PR_SET_PDEATHSIG)"),
    (PRIVILEGES, "prctl(PR_SET_NO_NEW_PRIVS)"),
    (LIMITS, "setrlimit(2)"),
    (DUP, "dup2(2)"),
    (EXEC, "execve(2)"),
    (MAPS, "the maps of a user namespace"),
    (MOUNT, "mount(2) in a mount namespace"),
    (PROC, "mounting a new /proc"),
    (LOOPBACK, "waking the loopback device"),
    (FILTER, "seccomp(2)"),
    (USER, "setresuid(2)"),
    (RULES, "landlock_restrict_self(2)"),
    (FOLDER, "chdir(2)"),
    (DUMPABLE, "prctl(PR_SET_DUMPABLE)"),
    (UNSHARE, "unshare(2)"),
];

pub(super) fn write_report(fd: RawFd, report: Report) {
    // SAFETY: the descriptor was made for this process, which closes it only by ending.
    let fd = unsafe { BorrowedFd::borrow_raw(fd) };
    let mut bytes = [0u8; size_of::<Report>()];
    for (place, number) in bytes.chunks_exact_mut(4).zip(report) {
        place.copy_from_slice(&number.to_ne_bytes());
    }
    // Shorter than PIPE_BUF: all or nothing (pipe(7)). If the test is gone, nobody needs the report.
    let _ = nix::unistd::write(fd, &bytes);
}
