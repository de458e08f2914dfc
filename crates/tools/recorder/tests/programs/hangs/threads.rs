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
    let room = NonZero::new(mem::size_of::<libc::sem_t>()).expect("it is somewhat large");
    let access = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
    // SAFETY: new memory, at no address in particular.
    let memory = unsafe { mmap_anonymous(None, room, access, MapFlags::MAP_SHARED) };
    let semaphore: ptr::NonNull<libc::sem_t> = memory.expect("there is room").cast();
    // SAFETY: the memory is large enough for it, page-aligned, and nobody else's yet.
    assert_eq!(unsafe { libc::sem_init(semaphore.as_ptr(), 1, 0) }, 0);
    // SAFETY: it has just begun to be one, and stays there.
    let child = super::child(|| _ = unsafe { libc::sem_wait(semaphore.as_ptr()) });
    waitpid(child, None).expect("it is ours");
}
