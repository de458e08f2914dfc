//! The supervisor's answers to calls that the filter stopped (seccomp_unotify(2)).
//!
//! Runs in the supervisor: nothing here allocates, takes a lock or formats text.

use super::family::{decimal, descends, each_descendant, group, number, path_of, read};
use crate::filter::{AIMED, AIMED_BY_KIND};
use nix::errno::Errno;
use std::cell::Cell;
use std::os::fd::RawFd;

/// How many files of memory a run may make: their size is limited, and the memory is no process's.
const MEMORY_FILES: u32 = 8;

/// Who is who, for the supervisor's answers.
pub(crate) struct Doorman {
    pub(crate) listener: RawFd,
    pub(crate) supervisor: i32,
    /// Whether the run has pids of its own: then whoever it can name is its own, but for the supervisor.
    pub(crate) own_pids: bool,
    /// The process group of the test.
    pub(crate) group_of_test: i32,
    /// How many files of memory it has made.
    pub(crate) memory_files: Cell<u32>,
}

/// A call that was refused: its number and the argument that says what it was after.
pub(crate) type Attempt = (i32, i32);

const RECEIVE: u64 = 0xc050_2100; // SECCOMP_IOCTL_NOTIF_RECV
const SEND: u64 = 0xc018_2101; // SECCOMP_IOCTL_NOTIF_SEND
const GO_ON: u32 = 1; // SECCOMP_USER_NOTIF_FLAG_CONTINUE

/// `struct seccomp_notif`, with its `struct seccomp_data` in line.
#[repr(C)]
#[derive(Default)]
struct Question {
    id: u64,
    pid: u32,
    flags: u32,
    number: i32,
    architecture: u32,
    instruction: u64,
    args: [u64; 6],
}

/// `struct seccomp_notif_resp`.
#[repr(C)]
struct Answer {
    id: u64,
    value: i64,
    error: i32,
    flags: u32,
}

impl Doorman {
    /// Answers one question; returns what it refused.
    pub(crate) fn answer(&self) -> Option<Attempt> {
        let mut question = Question::default();
        // SAFETY: `question` is zeroed, ours to write, and laid out as the kernel has it.
        let asked = unsafe { libc::ioctl(self.listener, RECEIVE as _, &raw mut question) };
        // ENOENT: who asked was killed meanwhile.
        Errno::result(asked).ok()?;
        let refused = self.judge(&question);
        let answer = Answer {
            id: question.id,
            value: 0,
            error: if refused.is_some() { -libc::EPERM } else { 0 },
            flags: if refused.is_some() { 0 } else { GO_ON },
        };
        // SAFETY: `answer` lives through the call and is laid out as the kernel has it.
        unsafe { libc::ioctl(self.listener, SEND as _, &raw const answer) };
        refused
    }

    fn judge(&self, question: &Question) -> Option<Attempt> {
        let number = libc::c_long::from(question.number);
        // Pids and descriptors are ints: the low half of a register, whatever is in the high one.
        let int = |place: usize| question.args[place] as u32 as i32;
        let target = match number {
            libc::SYS_fcntl if int(1) == libc::F_SETOWN => int(2),
            libc::SYS_fcntl => return Some((question.number, 0)),
            libc::SYS_pidfd_send_signal => pid_of(question.pid, int(0)).unwrap_or(-1),
            libc::SYS_memfd_create => {
                let made = self.memory_files.replace(self.memory_files.get() + 1);
                return (made >= MEMORY_FILES).then_some((question.number, 0));
            }
            number if AIMED.contains(&number) => int(0),
            number if AIMED_BY_KIND.contains(&number) => target_of(number, int(0), int(1)),
            libc::SYS_ioctl => return Some((question.number, int(1))),
            _ => return Some((question.number, int(0))),
        };
        // kill(2) with signal 0 asks whether somebody is there, and does nothing.
        let only_asks = number == libc::SYS_kill && int(1) == 0;
        (!only_asks && !self.belongs_to_the_run(target)).then_some((question.number, target))
    }

    fn belongs_to_the_run(&self, target: i32) -> bool {
        match target {
            -1 => false,
            0 => true,
            _ if self.own_pids => target.abs() != self.supervisor,
            number @ ..0 if number.abs() == self.group_of_test => false,
            // A group is named for its first process, and while it is there, nobody else has that number. Where the first
            // process is gone, it is the others who say whose it is.
            number @ ..0 => descends(number.abs(), self.supervisor)
                .unwrap_or_else(|| self.has_group(number.abs())),
            pid => descends(pid, self.supervisor).unwrap_or(true),
        }
    }

    fn has_group(&self, number: i32) -> bool {
        let mut found = false;
        each_descendant(self.supervisor, &mut |pid| found |= group(pid) == Some(number));
        found
    }
}

/// Whom setpriority(2) or ioprio_set(2) means, as kill(2) would say it; a user's processes are everybody's.
fn target_of(number: libc::c_long, kind: i32, who: i32) -> i32 {
    // They count the kinds from 0 and from 1.
    match kind - i32::from(number == libc::SYS_ioprio_set) {
        0 => who,
        1 if who > 1 => -who,
        1 => 0,
        _ => -1,
    }
}

/// The process that a pidfd of `asker` leads to; `None` where it leads to nobody that could be named, or is none, but
/// perhaps a folder of `/proc`.
fn pid_of(asker: u32, fd: i32) -> Option<i32> {
    let (mut path, mut buffer) = ([0; 64], [0; 512]);
    let (mut asker_digits, mut fd_digits) = ([0; 10], [0; 10]);
    let asker = decimal(asker, &mut asker_digits);
    let fd = decimal(u32::try_from(fd).ok()?, &mut fd_digits);
    let path = path_of(&[b"/proc/", asker, b"/fdinfo/", fd], &mut path)?;
    let text = read(path, &mut buffer)?;
    let start = text.windows(6).position(|bytes| bytes == b"\nPid:\t")? + 6;
    match text.get(start..)? {
        // It is gone, and the kernel will say so.
        [b'-', ..] => Some(0),
        digits => number(digits).filter(|pid| *pid > 0),
    }
}
