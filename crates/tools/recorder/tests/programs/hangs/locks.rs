//! Who waits for a lock on a file: its own, an heir's, or one whose holder waits for its own.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::fd::AsRawFd;

use nix::sys::wait::waitpid;
use nix::unistd::pause;

use super::{child, ends, somewhere};

pub(super) fn lock_file(file: &File) {
    // SAFETY: numbers only.
    unsafe { libc::flock(file.as_raw_fd(), libc::LOCK_EX) };
}

/// Opened twice, a file has two locks' owners, although they are one process.
pub(super) fn own() {
    let path = somewhere("hangs-flock");
    let files = [0; 2].map(|_| File::create(&path).expect("there is room"));
    fs::remove_file(path).expect("it is ours");
    files.iter().for_each(lock_file);
}

/// A child inherits the lock, and the parent that has taken it is gone.
pub(super) fn of_a_child() {
    let path = somewhere("hangs-flock");
    let files = [0; 2].map(|_| File::create(&path).expect("there is room"));
    fs::remove_file(path).expect("it is ours");
    let taker = child(|| {
        lock_file(&files[0]);
        child(pause);
    });
    _ = waitpid(taker, None);
    lock_file(&files[1]);
}

/// Each has one byte of a file and wants the other's: the kernel sees that of the whole-process kind and refuses
/// it, but not of locks that belong to descriptions.
pub(super) fn bytes_crosswise() {
    let path = somewhere("hangs-fcntl");
    let open = || File::options().read(true).write(true).create(true).truncate(true).open(&path);
    let files = [0; 2].map(|_| open().expect("there is room"));
    fs::remove_file(&path).expect("it is ours");
    let lock = |file: usize, byte: i64| lock_byte(&files[file], byte, libc::F_OFD_SETLKW);
    lock(0, 0);
    let (mut ready, done) = ends();
    child(|| {
        lock(1, 1);
        drop(done.try_clone().map(|mut done| done.write(b"x")));
        lock(1, 0);
    });
    _ = ready.read(&mut [0]);
    lock(0, 1);
}

/// Two files, each locked by one of two processes that wants the other one's.
pub(super) fn crosswise() {
    let open = |name| {
        let path = somewhere(name);
        let files = [0; 2].map(|_| File::create(&path).expect("there is room"));
        fs::remove_file(path).expect("it is ours");
        files
    };
    let ([one, same_one], [other, same_other]) = (open("hangs-one"), open("hangs-other"));
    lock_file(&one);
    let (mut ready, mut done) = ends();
    child(|| {
        lock_file(&same_other);
        _ = done.write(b"x");
        lock_file(&same_one);
    });
    _ = ready.read(&mut [0]);
    lock_file(&other);
}

/// A lock that belongs to the whole process, which has the file open as often as it likes.
pub(super) fn of_a_process() {
    let path = somewhere("hangs-fcntl");
    let open = || File::options().write(true).create(true).truncate(true).open(&path);
    let files = [0; 2].map(|_| open().expect("there is room"));
    files.iter().for_each(|file| lock_byte(file, 7, libc::F_SETLKW));
    let (mut ready, _writer) = ends();
    child(|| {
        let file = open().expect("it is there");
        fs::remove_file(&path).expect("it is ours");
        lock_byte(&file, 6, libc::F_SETLKW);
        lock_byte(&file, 7, libc::F_SETLKW);
    });
    _ = ready.read(&mut [0]);
}

fn lock_byte(file: &File, byte: i64, how: libc::c_int) {
    // SAFETY: a struct flock is numbers, all of which may be zero.
    let mut lock: libc::flock = unsafe { std::mem::zeroed() };
    (lock.l_type, lock.l_start, lock.l_len) = (libc::F_WRLCK as _, byte, 1);
    // SAFETY: the structure is a variable of ours.
    unsafe { libc::fcntl(file.as_raw_fd(), how, &raw const lock) };
}
