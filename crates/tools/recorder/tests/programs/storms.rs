//! Programs in which somebody is ended while it makes somebody: each argument names one. They end by themselves.

use std::io::Error;
use std::os::unix::process::CommandExt;
use std::process::{Command, exit};
use std::thread;

use nix::sys::prctl::set_child_subreaper;
use nix::sys::signal::{Signal, kill, raise};
use nix::sys::wait::{WaitPidFlag, wait, waitpid};
use nix::unistd::{ForkResult, Pid, fork, getpid, getppid, pause};

/// So many times each of them does it.
const ROUNDS: u32 = 4;

fn main() {
    let mut args = std::env::args().skip(1);
    let name = args.next().unwrap_or_default();
    let left = args.next().map_or(ROUNDS, |left| left.parse().expect("a number"));
    match name.as_str() {
        "exec-among-threads" => exec_among(&name, left, a_thread),
        "exec-among-forks" => exec_among(&name, left, a_child),
        "exec-among-spawns" => exec_among(&name, left, a_program),
        "exit-among-threads" => each_round(|round| exit_among(round, a_thread)),
        "exit-among-forks" => each_round(|round| exit_among(round, a_child)),
        "exit-among-spawns" => each_round(|round| exit_among(round, a_program)),
        "kill-who-makes-threads" => each_round(|round| kill_who(round, a_thread)),
        "kill-who-forks" => each_round(|round| kill_who(round, a_child)),
        "kill-who-spawns" => each_round(|round| kill_who(round, a_program)),
        "kill-orphans" => {
            set_child_subreaper(true).expect("anybody may");
            each_round(|round| kill_who(round, a_child));
        }
        "kill-threads-that-fork" => each_round(|round| {
            kill_who(round, || {
                thread::spawn(|| without_end(a_child));
                thread::spawn(|| without_end(a_thread));
                without_end(a_program)
            });
        }),
        "kill-vfork" => each_round(|round| kill_vfork(round.is_multiple_of(2))),
        "kill-stopped" => each_round(kill_stopped),
        other => panic!("no program `{other}`"),
    }
    while wait().is_ok() {}
}

fn each_round(does: impl Fn(u32)) {
    (0..ROUNDS).for_each(does);
}

/// Forks; the child never comes back.
fn child(does: impl FnOnce()) -> Pid {
    // SAFETY: the children below make system calls only, and start threads and programs: the C library's
    // fork leaves them fit for that.
    match unsafe { fork() }.expect("there is room for a process") {
        ForkResult::Parent { child } => child,
        ForkResult::Child => {
            does();
            // SAFETY: ends the process, without what its other threads have registered.
            unsafe { libc::_exit(0) }
        }
    }
}

fn a_thread() {
    _ = thread::Builder::new().spawn(|| _ = getppid()).map(thread::JoinHandle::join);
}

fn a_child() {
    _ = waitpid(child(|| ()), None);
}

/// By vfork.
fn a_program() {
    _ = Command::new("/bin/true").status();
}

fn without_end(one: impl Fn()) {
    loop {
        one();
    }
}

/// Some time, counted in calls: another moment in each round.
fn a_while(round: u32) {
    for _ in 0..round * 7 {
        getppid();
    }
}

fn exec_among(name: &str, left: u32, one: fn()) {
    if left == 0 {
        return;
    }
    for _ in 0..2 {
        thread::spawn(move || without_end(one));
    }
    let next = [name.to_owned(), (left - 1).to_string()];
    let execs = move || -> Error {
        a_while(left);
        Command::new("/proc/self/exe").args(&next).exec()
    };
    if left.is_multiple_of(2) {
        panic!("{}", execs());
    }
    thread::spawn(move || panic!("{}", execs()));
    without_end(one);
}

fn exit_among(round: u32, one: fn()) {
    let ends = move || {
        a_while(round);
        exit(3)
    };
    let process = child(|| {
        thread::spawn(move || without_end(one));
        if round.is_multiple_of(2) {
            thread::spawn(ends);
            without_end(one);
        }
        thread::spawn(move || without_end(one));
        ends();
    });
    _ = waitpid(process, None);
}

fn kill_who(round: u32, does: impl Fn()) {
    let process = child(|| without_end(does));
    a_while(round);
    _ = kill(process, Signal::SIGKILL);
    _ = waitpid(process, None);
}

/// The maker waits in vfork for a child that waits for ever. First the one is killed, or first the other.
fn kill_vfork(parent_first: bool) {
    let (end, held) = nix::unistd::pipe().expect("a pipe");
    let maker = child(|| {
        // As vfork, which newer machines lack, but the child has memory of its own: it returns from here on its own stack.
        let flags = libc::c_long::from(libc::CLONE_VFORK | libc::SIGCHLD);
        // SAFETY: without CLONE_VM and a stack this is a fork, and the child makes system calls only.
        match unsafe { libc::syscall(libc::SYS_clone, flags, 0, 0, 0, 0) } {
            0 => {
                _ = nix::unistd::write(&held, &getpid().as_raw().to_ne_bytes());
                loop {
                    pause();
                }
            }
            made => _ = waitpid(Pid::from_raw(made as i32), None),
        }
    });
    let mut made = [0; 4];
    _ = nix::unistd::read(&end, &mut made);
    let made = Pid::from_raw(i32::from_ne_bytes(made));
    for one in if parent_first { [maker, made] } else { [made, maker] } {
        _ = kill(one, Signal::SIGKILL);
    }
    _ = waitpid(maker, None);
}

fn kill_stopped(round: u32) {
    let process = child(|| {
        thread::spawn(|| without_end(a_thread));
        thread::spawn(|| without_end(a_child));
        a_while(round);
        _ = raise(Signal::SIGSTOP);
    });
    _ = waitpid(process, Some(WaitPidFlag::WUNTRACED));
    a_while(round);
    _ = kill(process, Signal::SIGKILL);
    _ = waitpid(process, None);
}
