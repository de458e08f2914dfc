//! System calls as a supervisor may make them: without the C library's locks and notions.

use super::plan::Kept;
use super::report::*;
use libc::c_int;
use nix::errno::Errno;
use nix::sys::resource::{Resource, setrlimit};
use nix::sys::signal::{SigSet, SigmaskHow, sigprocmask};
use nix::unistd::{ForkResult, Pid};
use std::os::fd::RawFd;

/// `fork(2)`, with these flags of clone(2) besides. Not by the C library's `fork`: that takes locks which, in a copy of a
/// process with threads, nobody might ever release.
pub(super) fn clone(flags: c_int) -> nix::Result<ForkResult> {
    // SAFETY: without CLONE_VM the child has memory of its own and goes on with this stack, as after fork; it keeps
    // to async-signal-safe calls. All pointers are null.
    let pid = unsafe {
        libc::syscall(libc::SYS_clone, flags | libc::SIGCHLD, 0usize, 0usize, 0usize, 0usize)
    };
    match Errno::result(pid)? {
        0 => Ok(ForkResult::Child),
        pid => Ok(ForkResult::Parent { child: Pid::from_raw(pid as i32) }),
    }
}

pub(super) fn reap() -> nix::Result<Option<(c_int, c_int)>> {
    let mut status = 0;
    // SAFETY: `status` is ours to write. __WALL: also children that were cloned without SIGCHLD.
    let pid = unsafe { libc::waitpid(-1, &raw mut status, libc::WNOHANG | libc::__WALL) };
    Errno::result(pid).map(|pid| (pid != 0).then_some((pid, status)))
}

pub(super) fn exit(code: c_int) -> ! {
    // SAFETY: `_exit` runs no exit handler and flushes no buffer: those belong to the test.
    unsafe { libc::_exit(code) }
}

pub(super) fn limit_processes(limit: Option<u64>) {
    if let Ok((_, hard)) = nix::sys::resource::getrlimit(Resource::RLIMIT_NPROC) {
        // Only the soft limit, so that it can be lifted again; a failure leaves the program unlimited, as for root.
        let _ =
            setrlimit(Resource::RLIMIT_NPROC, limit.map_or(hard, |limit| limit.min(hard)), hard);
    }
}

pub(super) fn lower_limit(resource: Resource, limit: u64) -> Step<()> {
    let (_, hard) = nix::sys::resource::getrlimit(resource).map_err(|e| (LIMITS, e))?;
    let limit = limit.min(hard);
    setrlimit(resource, limit, limit).map_err(|e| (LIMITS, e))
}

pub(super) fn set_mask(mask: &SigSet) -> Step<()> {
    sigprocmask(SigmaskHow::SIG_SETMASK, Some(mask), None).map_err(|e| (MASK, e))
}

pub(super) fn default_dispositions() {
    // All zeros is the kernel's `sigaction` for "default, no flags, nothing masked" on every architecture. Not by
    // the C library's `sigaction`: it refuses its own two signals, and an ignored one of those is inherited, too.
    let default = [0u64; 8];
    for number in 1..=64 {
        // SAFETY: reads at most 64 bytes (the structure has 32, the mask in it 8). KILL and STOP are refused, which is fine.
        unsafe {
            libc::syscall(
                libc::SYS_rt_sigaction,
                number,
                default.as_ptr(),
                std::ptr::null_mut::<u64>(),
                8,
            )
        };
    }
}

pub(super) fn close_all_but(sorted: &Kept) -> Step<()> {
    let mut first = 0;
    for fd in sorted.iter().filter_map(|fd| u32::try_from(*fd).ok()) {
        if fd > first {
            close_range(first, fd - 1).map_err(|e| (CLOSE, e))?;
        }
        first = fd + 1;
    }
    close_range(first, u32::MAX).map_err(|e| (CLOSE, e))
}

fn close_range(first: u32, last: u32) -> nix::Result<()> {
    // SAFETY: this process uses no descriptor beyond those that its plan names.
    Errno::result(unsafe { libc::syscall(libc::SYS_close_range, first, last, 0) }).map(drop)
}

pub(super) fn close(fd: RawFd) {
    // SAFETY: a descriptor of the plan, which this process does not use any more; −1 is refused.
    unsafe { libc::close(fd) };
}

pub(super) fn dup_to(fd: RawFd, number: c_int) -> Step<()> {
    // SAFETY: 0, 1 and 2 are free: the supervisor has closed the test's.
    Errno::result(unsafe { libc::dup2(fd, number) }).map(drop).map_err(|e| (DUP, e))
}
