//! Who descends from whom, read from `/proc` (proc(5)) without allocating.

use nix::fcntl::OFlag;
use nix::sys::stat::Mode;
use std::ffi::CStr;
use std::os::fd::AsRawFd as _;

/// How far down from a process to follow its children. Deeper ones come up when those above are killed.
const DEPTH: u32 = 40;

/// Whether `pid` descends from `ancestor`; `None` when there is no such process.
pub(super) fn descends(mut pid: i32, ancestor: i32) -> Option<bool> {
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

/// The parent of a process.
fn parent(pid: i32) -> Option<i32> {
    number_in_stat(pid, 1)
}

/// The process group of a process.
pub(super) fn group(pid: i32) -> Option<i32> {
    number_in_stat(pid, 2)
}

/// Meets every child that the kernel lists for `parent`, and theirs, each before its own.
pub(super) fn each_descendant(parent: i32, meet: &mut dyn FnMut(i32)) {
    descend(parent, DEPTH, meet);
}

fn descend(parent: i32, depth: u32, meet: &mut dyn FnMut(i32)) {
    // A child is listed for the thread that forked it, and for no other one.
    each_thread(parent, &mut |thread| {
        each_child(parent, thread, &mut |pid| {
            meet(pid);
            if depth > 0 {
                descend(pid, depth - 1, meet);
            }
        });
    });
}

/// Meets every thread of a process.
fn each_thread(process: i32, meet: &mut dyn FnMut(i32)) {
    let (mut path, mut digits) = ([0; 64], [0; 10]);
    let parts = [b"/proc/".as_slice(), decimal(process.unsigned_abs(), &mut digits), b"/task"];
    let Some(path) = path_of(&parts, &mut path) else { return };
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    let Ok(folder) = nix::fcntl::open(path, flags, Mode::empty()) else { return };
    let mut buffer = [0u8; 1024];
    loop {
        // SAFETY: the buffer is ours to write, and the kernel is told its size.
        let read = unsafe {
            libc::syscall(
                libc::SYS_getdents64,
                folder.as_raw_fd(),
                buffer.as_mut_ptr(),
                buffer.len(),
            )
        };
        let Some(mut entries) = usize::try_from(read).ok().and_then(|read| buffer.get(..read))
        else {
            return;
        };
        if entries.is_empty() {
            return;
        }
        // `struct linux_dirent64`: the entry's length is in bytes 16 and 17, its name begins in byte 19.
        while let Some([low, high]) = entries.get(16..18) {
            let length = usize::from(u16::from_ne_bytes([*low, *high]));
            if let Some(thread) = entries.get(19..).and_then(number) {
                meet(thread);
            }
            entries = entries.get(length.max(1)..).unwrap_or_default();
        }
    }
}

/// Meets every child that the kernel lists for this thread of `parent`.
fn each_child(parent: i32, thread: i32, meet: &mut dyn FnMut(i32)) {
    let (mut path, mut digits, mut more) = ([0; 64], [0; 10], [0; 10]);
    let parent = decimal(parent.unsigned_abs(), &mut digits);
    let thread = decimal(thread.unsigned_abs(), &mut more);
    let parts = [b"/proc/", parent, b"/task/", thread, b"/children"];
    let Some(path) = path_of(&parts, &mut path) else { return };
    let Ok(list) = nix::fcntl::open(path, OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty()) else {
        return;
    };
    let mut buffer = [0u8; 1024];
    let mut pid = 0;
    while let Ok(read @ 1..) = nix::unistd::read(&list, &mut buffer) {
        for byte in buffer.iter().take(read) {
            if byte.is_ascii_digit() {
                pid = pid * 10 + i32::from(byte - b'0');
                continue;
            }
            // 0 and 1 would be "my process group" and init; nobody's child has those numbers.
            if pid > 1 {
                meet(pid);
            }
            pid = 0;
        }
    }
}

/// A number of `/proc/PID/stat`, counted from the state, which is 0.
fn number_in_stat(pid: i32, place: usize) -> Option<i32> {
    let (mut path, mut digits) = ([0; 64], [0; 10]);
    let parts = [b"/proc/".as_slice(), decimal(pid.unsigned_abs(), &mut digits), b"/stat"];
    let mut buffer = [0; 512];
    let line = read(path_of(&parts, &mut path)?, &mut buffer)?;
    // The name may hold anything; it ends at the last parenthesis.
    let end = line.iter().rposition(|byte| *byte == b')')?;
    number(line.get(end + 2..)?.split(|byte| *byte == b' ').nth(place)?)
}

/// The number with which these bytes begin.
pub(super) fn number(bytes: &[u8]) -> Option<i32> {
    let digits = bytes.iter().take_while(|byte| byte.is_ascii_digit());
    let add = |sum: i32, digit: &u8| sum.checked_mul(10)?.checked_add(i32::from(digit - b'0'));
    bytes.first().filter(|byte| byte.is_ascii_digit())?;
    digits.copied().try_fold(0, |sum, digit| add(sum, &digit))
}

/// The first bytes of a file.
pub(super) fn read<'a>(path: &CStr, into: &'a mut [u8]) -> Option<&'a [u8]> {
    let file = nix::fcntl::open(path, OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty()).ok()?;
    let count = nix::unistd::read(&file, into).ok()?;
    into.get(..count)
}

/// A path, put together from its parts.
pub(super) fn path_of<'a>(parts: &[&[u8]], into: &'a mut [u8; 64]) -> Option<&'a CStr> {
    let mut length = 0;
    for part in parts {
        into.get_mut(length..length + part.len())?.copy_from_slice(part);
        length += part.len();
    }
    *into.get_mut(length)? = 0;
    CStr::from_bytes_until_nul(into).ok()
}

/// A number in decimal.
pub(super) fn decimal(mut number: u32, into: &mut [u8; 10]) -> &[u8] {
    let mut start = into.len();
    loop {
        start -= 1;
        into[start] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            return &into[start..];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Stdio;

    #[test]
    fn a_parent_and_a_group_are_found_without_allocating() {
        let me = nix::unistd::getpid().as_raw();
        let parent_of_mine = nix::unistd::getppid().as_raw();
        assert_eq!(parent(me), Some(parent_of_mine));
        assert_eq!(group(me), Some(nix::unistd::getpgrp().as_raw()));
        assert_eq!(descends(me, parent_of_mine), Some(true));
        assert_eq!(descends(1, me), Some(false));
        assert_eq!(parent(i32::MAX), None);
    }

    #[test]
    fn who_was_forked_by_another_thread_is_met() {
        let other = std::thread::spawn(|| {
            let child = std::process::Command::new("/bin/cat").stdin(Stdio::piped()).spawn();
            let mut child = child.expect("a program");
            let mut met = false;
            let me = nix::unistd::getpid().as_raw();
            each_descendant(me, &mut |it| met |= it.unsigned_abs() == child.id());
            drop(child.stdin.take());
            child.wait().expect("it can be reaped");
            met
        });
        assert!(other.join().expect("it does not panic"));
    }

    #[test]
    fn numbers_are_read_and_written() {
        assert_eq!(decimal(0, &mut [0; 10]), b"0");
        assert_eq!(decimal(u32::MAX, &mut [0; 10]), b"4294967295");
        assert_eq!(number(b"4211\n"), Some(4211));
        assert_eq!((number(b"-1\n"), number(b""), number(b"99999999999")), (None, None, None));
    }
}
