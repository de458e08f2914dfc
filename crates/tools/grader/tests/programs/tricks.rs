//! Programs that look like something else than they are, or make it hard to look at them.

use super::{child, for_ever};
use nix::fcntl::{FcntlArg, fcntl};
use nix::sched::CloneFlags;
use nix::sys::signal::{SigHandler, Signal, signal};
use std::fs::File;
use std::io::{Write as _, stdin};
use std::os::fd::FromRawFd as _;
use std::os::unix::fs::OpenOptionsExt as _;

/// Lives on in a second thread, which waits; to proc(5), its first one is a zombie.
pub(crate) fn first_thread_ends() {
    std::thread::spawn(|| for_ever());
    // SAFETY: ends this thread only, and nothing of it is used by the other one.
    unsafe { libc::syscall(libc::SYS_exit, 0) };
}

/// Ten processes that have as many descriptors as they may.
pub(crate) fn hoards_descriptors() -> ! {
    for _ in 0..10 {
        child(|| {
            while nix::unistd::dup(stdin()).map(std::mem::forget).is_ok() {}
            println!("ready");
            for_ever()
        });
    }
    for_ever()
}

/// Makes its input small, and leaves no room in it.
pub(crate) fn fills_its_input() -> ! {
    fcntl(stdin(), FcntlArg::F_SETPIPE_SZ(4096)).expect("fcntl");
    let mut options = File::options();
    let input = options.write(true).custom_flags(libc::O_NONBLOCK).open("/proc/self/fd/0");
    let mut input = input.expect("open");
    while input.write_all(&[b'x'; 4096]).is_ok() {}
    println!("ready");
    for_ever()
}

/// Makes its output longer and shorter, while others look how long it is.
pub(crate) fn cuts_its_output() -> ! {
    // SAFETY: this program has no other use for its standard output.
    let output = unsafe { File::from_raw_fd(1) };
    loop {
        output.set_len(100_000).expect("ftruncate");
        output.set_len(0).expect("ftruncate");
    }
}

/// Sleeps, while one process after the other makes the next and ends, unmissed.
pub(crate) fn relay() -> ! {
    // SAFETY: ignoring installs no handler.
    unsafe { signal(Signal::SIGCHLD, SigHandler::SigIgn) }.expect("signal");
    child(|| {
        loop {
            let flags = libc::CLONE_PARENT | libc::SIGCHLD;
            // SAFETY: without CLONE_VM it is a fork, but for who the parent is.
            if unsafe { libc::syscall(libc::SYS_clone, flags, 0, 0, 0, 0) } > 0 {
                std::process::exit(0)
            }
        }
    });
    for_ever()
}

/// Has a child with pids of its own, in which it is the first.
pub(crate) fn counts_anew() -> ! {
    match nix::sched::unshare(CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWPID) {
        Ok(()) => {
            child(for_ever);
            println!("ready");
        }
        Err(error) => println!("{error}"),
    }
    for_ever()
}
