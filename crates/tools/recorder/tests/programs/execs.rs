//! Programs that a thread calls exec for, which has its process's id then; and other rare ways to get a process or a descriptor.

use std::fs::File;
use std::io::{Read, Write, pipe};
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Command, exit};
use std::{ptr, thread};

use nix::pty::openpty;
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, wait, waitid, waitpid};
use nix::unistd::{ForkResult, fork, getppid, pause};

pub(crate) fn run(name: &str) {
    match name {
        "exec-outlived" => becomes("outlived"),
        "outlived" => outlived(),
        "exec-outlives" => becomes("outlives"),
        "outlives" => outlives(),
        "with-pidfd" => with_pidfd(),
        "opens-its-own" => opens_its_own("/dev/fd"),
        "opens-its-own-by-id" => opens_its_own(&format!("/proc/{}/fd", std::process::id())),
        "opens-rarely" => opens_rarely(),
        "sibling" => sibling(),
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

/// Writes to a pipe that it has opened by its descriptor's path, as a shell's `>(...)` has it.
fn opens_its_own(folder: &str) {
    let (mut reader, writer) = pipe().expect("there is room for a pipe");
    let path = format!("{folder}/{}", writer.as_raw_fd());
    let mut again = File::options().write(true).open(path).expect("it is a pipe that has a reader");
    drop(writer);
    again.write_all(b"hello").expect("it can be read");
    drop(again);
    assert_eq!(reader.read_to_end(&mut Vec::new()).expect("it can be read"), 5);
}

/// Forks with a descriptor of the child, by both calls that can, kills it by that and waits for it.
fn with_pidfd() {
    let mut ours: libc::c_int = -1;
    let flags = (libc::CLONE_PIDFD | libc::SIGCHLD) as libc::c_ulong;
    // SAFETY: as fork, whoever calls it has one thread; the place for the descriptor is a variable of ours.
    let made = unsafe { libc::syscall(libc::SYS_clone, flags, 0, &raw mut ours, 0, 0) };
    ends_by(made, ours);
    // SAFETY: all zero, it asks for nothing.
    let mut asked: libc::clone_args = unsafe { std::mem::zeroed() };
    asked.flags = libc::CLONE_PIDFD as u64;
    asked.pidfd = (&raw mut ours).addr() as u64;
    asked.exit_signal = libc::SIGCHLD as u64;
    // SAFETY: as above; what it points to is ours, and as large as is said.
    let made = unsafe { libc::syscall(libc::SYS_clone3, &raw const asked, size_of_val(&asked)) };
    ends_by(made, ours);
}

/// A child makes another one, whose parent is its own (CLONE_PARENT), and is told of nothing.
fn sibling() {
    // SAFETY: this program has one thread.
    let child = match unsafe { fork() }.expect("there is room for a process") {
        ForkResult::Parent { child } => child,
        ForkResult::Child => {
            let flags = (libc::CLONE_PARENT | libc::SIGCHLD) as libc::c_ulong;
            // SAFETY: as fork; nobody is told where its id would go.
            let made = unsafe { libc::syscall(libc::SYS_clone, flags, 0, 0, 0, 0) };
            exit(if made > 0 { 1 } else { 2 })
        }
    };
    let codes = [wait(), wait()].map(|ended| match ended {
        Ok(WaitStatus::Exited(who, code)) => (who == child, code),
        other => panic!("{other:?}"),
    });
    assert!(codes.contains(&(true, 1)) && codes.contains(&(false, 2)));
}

fn ends_by(made: libc::c_long, pidfd: libc::c_int) {
    if made == 0 {
        pause();
    }
    // SAFETY: the kernel has just opened it for us.
    let child = unsafe { OwnedFd::from_raw_fd(pidfd) };
    // SAFETY: numbers, and no information.
    let sent = unsafe {
        libc::syscall(libc::SYS_pidfd_send_signal, pidfd, libc::SIGKILL, ptr::null::<()>(), 0)
    };
    assert_eq!(sent, 0);
    waitid(Id::PIDFd(child.as_fd()), WaitPidFlag::WEXITED).expect("it is ours");
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

/// Calls that give a descriptor, and that hardly anybody makes. Who is not allowed one of them goes on.
fn opens_rarely() {
    for flags in [libc::O_TMPFILE | libc::O_RDWR, libc::O_PATH] {
        // SAFETY: the path is a text with an end. Not every file system has files without names.
        unsafe { libc::open(c"/tmp".as_ptr(), flags, 0o600) };
    }
    let pty = openpty(None, None).expect("there is room for a terminal");
    drop((pty.master, pty.slave));
    // Of the clock that counts a task's own time, in the kernel not.
    let events = [1_u32, 64, 1, 0, 0, 0, 0, 0, 0, 0, 0x60, 0, 0, 0, 0, 0];
    // An array of two numbers.
    let map = [2_u32, 4, 4, 2, 0, 0];
    // All is allowed.
    let mut all = libc::sock_filter { code: 6, jt: 0, jf: 0, k: 0x7fff_0000 };
    let filter = libc::sock_fprog { len: 1, filter: &raw mut all };
    // SAFETY: what some of them are given are names, what they ask for, all of it ours and as large as is said, and enough
    // room for what a ring says of itself.
    let made = unsafe {
        let mut ring = [0_u64; 15];
        [
            #[cfg(target_arch = "x86_64")]
            libc::syscall(libc::SYS_epoll_create, 1),
            #[cfg(target_arch = "x86_64")]
            libc::syscall(libc::SYS_inotify_init),
            #[cfg(target_arch = "x86_64")]
            libc::syscall(libc::SYS_eventfd, 3),
            libc::syscall(libc::SYS_mq_open, c"opens-rarely".as_ptr(), QUEUE, 0o600, 0),
            libc::syscall(libc::SYS_fanotify_init, 0, 0),
            libc::syscall(libc::SYS_userfaultfd, libc::O_CLOEXEC),
            libc::syscall(libc::SYS_io_uring_setup, 1, &raw mut ring),
            libc::syscall(libc::SYS_open_tree, libc::AT_FDCWD, c"/".as_ptr(), libc::O_CLOEXEC),
            libc::syscall(libc::SYS_fsopen, c"tmpfs".as_ptr(), 1),
            libc::syscall(libc::SYS_fspick, libc::AT_FDCWD, c"/".as_ptr(), 0),
            libc::syscall(libc::SYS_perf_event_open, &raw const events, 0, -1, -1, 8),
            libc::syscall(libc::SYS_bpf, 0, &raw const map, size_of_val(&map)),
            libc::syscall(libc::SYS_seccomp, 1, 8, &raw const filter),
        ]
    };
    // SAFETY: the queue's name; its descriptor stays.
    unsafe { libc::syscall(libc::SYS_mq_unlink, c"opens-rarely".as_ptr()) };
    assert!(made[0] >= 0);
}

const QUEUE: libc::c_int = libc::O_RDWR | libc::O_CREAT;
