//! Who holds the lock on a file that a task waits for: /proc/locks, and each descriptor's `lock:` line.

use std::fs;
use std::os::unix::fs::MetadataExt;

use nix::unistd::Pid;

use crate::files;
use crate::recording::Recording;

/// What stands in the place of a process's id where a lock belongs to an open file description.
const NOBODY: i32 = -1;

/// Whether a process waits, in a call on this descriptor, for a lock that nobody who is recorded holds. In doubt,
/// yes.
pub(crate) fn are_held_outside(
    process: Pid,
    task: Pid,
    number: i32,
    recording: &Recording<'_>,
) -> bool {
    let all = fs::read_to_string("/proc/locks").unwrap_or_default();
    let file = fs::metadata(format!("/proc/{task}/fd/{number}"));
    let held = held_against(&all, process, file.map_or(0, |file| file.ino()));
    let ours = |lock: &str| {
        holder(lock).is_some_and(|holder| recording.by_pid.contains_key(&Pid::from_raw(holder)))
            // Who has taken it may be gone, and have left it to others.
            || recording.tasks.values().any(|tracee| shows(tracee.pid, lock))
    };
    held.is_empty() || !held.iter().all(|lock| ours(lock))
}

/// The locks that stand in a process's way at a file: who waits stands below, with the same number.
fn held_against(all: &str, process: Pid, inode: u64) -> Vec<&str> {
    let waits = |lock| {
        let here = file(lock) == Some(inode);
        here && matches!(holder(lock), Some(pid) if pid == process.as_raw() || pid == NOBODY)
    };
    let mut held = Vec::new();
    let mut head = "";
    for (_, line) in all.lines().filter_map(|line| line.split_once(": ")) {
        match line.trim_start().strip_prefix("-> ") {
            Some(lock) if waits(lock) => held.push(head),
            Some(_) => (),
            None => head = line,
        }
    }
    held
}

/// `FLOCK  ADVISORY  WRITE 4711 fe:00:382078 0 EOF`
fn holder(lock: &str) -> Option<i32> {
    lock.split_whitespace().nth(3)?.parse().ok()
}

/// The inode in it.
fn file(lock: &str) -> Option<u64> {
    lock.split_whitespace().nth(4)?.rsplit(':').next()?.parse().ok()
}

/// Whether one of a task's descriptors has this lock.
fn shows(pid: Pid, lock: &str) -> bool {
    files::open(pid).into_iter().any(|number| {
        let info = fs::read_to_string(format!("/proc/{pid}/fdinfo/{number}")).unwrap_or_default();
        let mut locks =
            info.lines().filter_map(|line| line.strip_prefix("lock:")?.split_once(": "));
        locks.any(|(_, other)| other == lock)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCKS: &str = "\
1: FLOCK  ADVISORY  WRITE 400 00:2f:11 0 EOF
1: -> FLOCK  ADVISORY  WRITE 401 00:2f:11 0 EOF
1:  -> FLOCK  ADVISORY  WRITE 402 00:2f:11 0 EOF
2: POSIX  ADVISORY  WRITE 403 00:2f:12 0 0
2: -> POSIX  ADVISORY  WRITE 404 00:2f:12 0 0
3: OFDLCK ADVISORY  WRITE -1 00:2f:13 0 0
3: -> OFDLCK ADVISORY  WRITE -1 00:2f:13 0 0
";

    #[test]
    fn who_waits_stands_below_what_is_held() {
        let of = |pid, inode| held_against(LOCKS, Pid::from_raw(pid), inode);
        assert_eq!(of(402, 11), ["FLOCK  ADVISORY  WRITE 400 00:2f:11 0 EOF"]);
        assert_eq!(of(404, 12), ["POSIX  ADVISORY  WRITE 403 00:2f:12 0 0"]);
        assert_eq!(of(405, 13), ["OFDLCK ADVISORY  WRITE -1 00:2f:13 0 0"]);
        assert!(of(400, 11).is_empty() && of(402, 12).is_empty());
        assert_eq!(holder(of(404, 12)[0]), Some(403));
    }
}
