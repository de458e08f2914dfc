//! Who waits at a place in memory, and for no lock.

use std::num::NonZero;
use std::sync::mpsc;
use std::{mem, ptr, thread};

use nix::sys::mman::{MapFlags, ProtFlags, mmap_anonymous};
use nix::sys::wait::waitpid;
use nix::unistd::pause;

/// Waits for a thread that doesn't end.
pub(super) fn joins() {
    thread::spawn(pause).join().expect("it doesn't panic");
}

/// Waits for a message from itself.
pub(super) fn channel() {
    let (_to, from) = mpsc::channel::<()>();
    _ = from.recv();
}

/// A child waits at a semaphore in memory that it shares with its parent.
pub(super) fn semaphore() {
    let semaphore: ptr::NonNull<libc::sem_t> = shared();
    // SAFETY: the memory is large enough for it, page-aligned, and nobody else's yet.
    assert_eq!(unsafe { libc::sem_init(semaphore.as_ptr(), 1, 0) }, 0);
    // SAFETY: it has just begun to be one, and stays there.
    let child = super::child(|| _ = unsafe { libc::sem_wait(semaphore.as_ptr()) });
    waitpid(child, None).expect("it is ours");
}

/// Takes a lock twice that knows who has it.
pub(super) fn robust() {
    let lock = mutex(|kind| {
        // SAFETY: the caller has just made it.
        unsafe { libc::pthread_mutexattr_setrobust(kind, libc::PTHREAD_MUTEX_ROBUST) };
    });
    // SAFETY: it stays where it is.
    let take = || _ = unsafe { libc::pthread_mutex_lock(lock.as_ptr()) };
    take();
    take();
}

/// A child that has ended left it locked.
pub(super) fn shared_lock() {
    let lock = mutex(|kind| {
        // SAFETY: the caller has just made it.
        unsafe { libc::pthread_mutexattr_setpshared(kind, libc::PTHREAD_PROCESS_SHARED) };
    });
    // SAFETY: it stays where it is.
    let take = || _ = unsafe { libc::pthread_mutex_lock(lock.as_ptr()) };
    waitpid(super::child(take), None).expect("it is ours");
    take();
}

/// A lock of some kind, in memory that a child shares.
fn mutex(
    of_kind: impl FnOnce(*mut libc::pthread_mutexattr_t),
) -> ptr::NonNull<libc::pthread_mutex_t> {
    let lock: ptr::NonNull<libc::pthread_mutex_t> = shared();
    let mut kind = mem::MaybeUninit::uninit();
    // SAFETY: it becomes one by that.
    unsafe { libc::pthread_mutexattr_init(kind.as_mut_ptr()) };
    of_kind(kind.as_mut_ptr());
    // SAFETY: the memory is large enough for it, page-aligned, and nobody else's yet; its kind was just said.
    assert_eq!(unsafe { libc::pthread_mutex_init(lock.as_ptr(), kind.as_ptr()) }, 0);
    lock
}

/// New memory for such a thing, which children share.
fn shared<T>() -> ptr::NonNull<T> {
    let room = NonZero::new(mem::size_of::<T>()).expect("it is somewhat large");
    let access = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
    // SAFETY: new memory, at no address in particular.
    let memory = unsafe { mmap_anonymous(None, room, access, MapFlags::MAP_SHARED) };
    memory.expect("there is room").cast()
}
