//! The supervisor's answers to calls that the filter stopped (seccomp_unotify(2)).
//!
//! Runs in the supervisor: nothing here allocates, takes a lock or formats text.

use crate::filter::AIMED;
use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::stat::Mode;
use std::os::fd::RawFd;

/// Who is who, for the supervisor's answers.
pub(crate) struct Doorman {
    pub(crate) listener: RawFd,
    pub(crate) supervisor: i32,
    /// Whether the run has pids of its own: then whoever it can name is its own, but for the supervisor.
    pub(crate) own_pids: bool,
    /// The process group of the test.
    pub(crate) group_of_test: i32,
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
            number if AIMED.contains(&number) => int(0),
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
            group @ ..0 if group.abs() == self.group_of_test => false,
            // A group is named for its first process. While the group is there, nobody else has that number.
            other => descends(other.abs(), self.supervisor).unwrap_or(true),
        }
    }
}

/// Whether `pid` descends from `ancestor`; `None` when there is no such process.
fn descends(mut pid: i32, ancestor: i32) -> Option<bool> {
    // Whoever loses its parent is adopted by the supervisor, so the way up is never cut; it may change under way.
    for _ in 0..1000 {
        pid = parent(pid)?;
        if pid == ancestor {
            return Some(true);
        }
        if pid <= 1 {
            return Some(false);
        }
    }
    Some(false)
}

/// The parent of a process: the second number behind the last parenthesis of `/proc/PID/stat`.
fn parent(pid: i32) -> Option<i32> {
    let mut path = *b"/proc/\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
    let length = write_decimal(pid.unsigned_abs(), &mut path[6..16]);
    path[6 + length..6 + length + 5].copy_from_slice(b"/stat");
    let path = std::ffi::CStr::from_bytes_until_nul(&path).ok()?;
    let file = nix::fcntl::open(path, OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty()).ok()?;
    let mut buffer = [0; 256];
    let count = nix::unistd::read(&file, &mut buffer).ok()?;
    let line = buffer.get(..count)?;
    let end = line.iter().rposition(|byte| *byte == b')')?;
    // ") S 4211 …"
    let digits = line.get(end + 4..)?;
    let mut number = 0i32;
    for digit in digits.iter().take_while(|byte| byte.is_ascii_digit()) {
        number = number.checked_mul(10)?.checked_add(i32::from(digit - b'0'))?;
    }
    Some(number)
}

/// Writes a number in decimal; returns its length.
pub(crate) fn write_decimal(mut number: u32, into: &mut [u8]) -> usize {
    let mut digits = [0; 10];
    let mut count = 0;
    loop {
        digits[count] = b'0' + (number % 10) as u8;
        count += 1;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    for (place, digit) in into.iter_mut().zip(digits[..count].iter().rev()) {
        *place = *digit;
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parent_is_found_without_allocating() {
        let me = nix::unistd::getpid().as_raw();
        let parent_of_mine = nix::unistd::getppid().as_raw();
        assert_eq!(parent(me), Some(parent_of_mine));
        assert_eq!(descends(me, parent_of_mine), Some(true));
        assert_eq!(descends(1, me), Some(false));
        assert_eq!(parent(i32::MAX), None);
    }
}
