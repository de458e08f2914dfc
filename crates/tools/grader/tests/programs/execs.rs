//! Programs that become other ones, or start them, with more or less left open.

use nix::fcntl::{FcntlArg, FdFlag, OFlag, fcntl};
use nix::sys::signal::{SigHandler, SigSet, Signal, signal};
use nix::sys::wait::waitpid;
use nix::unistd::{ForkResult, Pid, execv, fork, pipe, pipe2};
use std::os::fd::OwnedFd;
use std::process::Command;

/// Starts a program with a pipe about, which is marked close-on-exec at once, never, or after the program's fork; or whose program is started
/// by another thread.
pub(crate) fn starts(how: &str) {
    match how {
        "marked" => {
            let _ends = pipe2(OFlag::O_CLOEXEC).expect("pipe");
            reap(begin());
        }
        "unmarked" => {
            let _ends = pipe().expect("pipe");
            reap(begin());
        }
        "late" => {
            let ends = pipe().expect("pipe");
            let child = begin();
            mark(&ends);
            reap(child);
        }
        _ => {
            let other = std::thread::spawn(|| Command::new("/bin/true").arg("word").status());
            let ends = pipe().expect("pipe");
            if how == "between" {
                mark(&ends);
            }
            let status = other.join().expect("it does not panic").expect("a program");
            assert!(status.success());
        }
    }
}

/// Becomes a program that waits, with SIGUSR1 blocked, SIGUSR2 ignored and, until then, a handler for SIGTERM.
pub(crate) fn becomes() {
    extern "C" fn handler(_: i32) {}
    let mut blocked = SigSet::empty();
    blocked.add(Signal::SIGUSR1);
    blocked.thread_block().expect("a mask");
    // SAFETY: "ignore" runs no code, and the handler does nothing.
    unsafe { signal(Signal::SIGUSR2, SigHandler::SigIgn) }.expect("a disposition");
    // SAFETY: as above.
    unsafe { signal(Signal::SIGTERM, SigHandler::Handler(handler)) }.expect("a handler");
    println!("ready");
    let _ = std::io::Read::read(&mut std::io::stdin(), &mut [0]);
    execv(c"/bin/sleep", &[c"sleep", c"1000"]).expect("exec");
}

fn begin() -> Pid {
    // SAFETY: this program has one thread.
    match unsafe { fork() }.expect("fork") {
        ForkResult::Parent { child } => child,
        ForkResult::Child => match execv(c"/bin/true", &[c"true", c"word"]) {
            Ok(never) => match never {},
            Err(_) => std::process::exit(1),
        },
    }
}

fn reap(child: Pid) {
    waitpid(child, None).expect("wait");
}

fn mark(ends: &(OwnedFd, OwnedFd)) {
    for end in [&ends.0, &ends.1] {
        fcntl(end, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC)).expect("fcntl");
    }
}
