//! Programs that a thread calls exec for: it has its process's id then.

use std::os::unix::process::CommandExt;
use std::process::{Command, exit};
use std::thread;

use nix::sys::wait::waitpid;
use nix::unistd::{ForkResult, fork, getppid, pause};

pub(crate) fn run(name: &str) {
    match name {
        "exec-outlived" => becomes("outlived"),
        "outlived" => outlived(),
        "exec-outlives" => becomes("outlives"),
        "outlives" => outlives(),
        "execs-among-sleepers" => (0..12).for_each(|_| child(among_sleepers)),
        other => panic!("nothing is called `{other}`"),
    }
}

fn becomes(name: &'static str) {
    thread::spawn(move || panic!("{}", Command::new("/proc/self/exe").arg(name).exec()));
    pause();
}

fn child(does: fn()) {
    // SAFETY: whoever forks here has one thread.
    match unsafe { fork() }.expect("there is room for a process") {
        ForkResult::Parent { child } => _ = waitpid(child, None).expect("it is ours"),
        ForkResult::Child => does(),
    }
}

/// All but one of many threads are ended by an exec, at the same time.
fn among_sleepers() {
    (0..6).for_each(|_| drop(thread::spawn(pause)));
    panic!("{}", Command::new("/proc/self/exe").args(["exit", "0"]).exec());
}

/// The first thread ends, and nobody can wait for that.
fn outlived() {
    thread::spawn(|| {
        getppid();
        exit(3);
    });
    // SAFETY: ends this thread, and nothing of its stack is used any more.
    unsafe { libc::syscall(libc::SYS_exit, 0) };
}

/// The first thread's exit status is the process's, not that of one who has ended before.
fn outlives() {
    thread::spawn(|| ()).join().expect("it doesn't panic");
    exit(3);
}
