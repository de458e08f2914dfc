//! Programs that a thread calls exec for: it has its process's id then.

use std::os::unix::process::CommandExt;
use std::process::{Command, exit};
use std::thread;

use nix::unistd::{getppid, pause};

pub(crate) fn run(name: &str) {
    match name {
        "exec-outlived" => becomes("outlived"),
        "outlived" => outlived(),
        "exec-outlives" => becomes("outlives"),
        "outlives" => outlives(),
        other => panic!("nothing is called `{other}`"),
    }
}

fn becomes(name: &'static str) {
    thread::spawn(move || panic!("{}", Command::new("/proc/self/exe").arg(name).exec()));
    pause();
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
