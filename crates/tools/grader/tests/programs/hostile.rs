//! Programs that try to break a grader, one a scene: the first argument says which one to be.
//!
//! NEVER run this by itself: `tests/hostile.rs` runs it, contained. It takes `contained` as its second argument, so that
//! a scene's name alone does nothing.

mod hoarding;
mod privileges;
mod reaching;

use libc::c_int;
use nix::sys::signal::{SigHandler, Signal, kill, raise, signal};
use nix::unistd::{ForkResult, Pid, fork, getpid, getppid, pause, setsid};
use std::fs::{self, File, OpenOptions};
use std::io::{Error, Write as _};
use std::path::PathBuf;
use std::process::exit;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [scene, contained, victim, marker] = args.as_slice() else { exit(2) };
    if contained != "contained" {
        exit(2);
    }
    let victim = PathBuf::from(victim);
    let parent = getppid().as_raw();
    match scene.as_str() {
        "fork-bomb" => loop {
            let _ = forked();
        },
        "setsid-bomb" => loop {
            if forked() {
                let _ = setsid();
            }
        },
        "thread-bomb" => {
            let mut count = 0;
            let builder = || std::thread::Builder::new().stack_size(64 << 10);
            while builder().spawn(|| for_ever()).is_ok() {
                count += 1;
            }
            println!("{count} threads");
            for_ever()
        }
        "kill-everybody" => told("kill", kill(Pid::from_raw(-1), Signal::SIGKILL)),
        "kill-parent" => told("kill", kill(getppid(), Signal::SIGKILL)),
        "kill-parents-group" => told("kill", kill(Pid::from_raw(-parent), Signal::SIGKILL)),
        "kill-every-pid" => {
            for pid in (1..=40_000).map(Pid::from_raw).filter(|pid| *pid != getpid()) {
                let _ = kill(pid, Signal::SIGKILL);
            }
            println!("still here");
        }
        "limit-parent" => limit(parent),
        "own-signals" => own_signals(parent),
        "daemon" => {
            if forked() {
                let _ = setsid();
                if forked() {
                    close_everything();
                    for_ever()
                }
            }
        }
        "endless-output" => loop {
            let _ = std::io::stdout().write_all(&[b'x'; 4096]);
        },
        "deaf" => {
            for number in Signal::iterator() {
                // SAFETY: ignoring installs no handler. KILL and STOP are refused.
                let _ = unsafe { signal(number, SigHandler::SigIgn) };
            }
            for_ever()
        }
        "spin" => loop {
            std::hint::spin_loop();
        },
        "vfork-hang" => {
            // SAFETY: the child shares this stack, and never returns from here.
            if unsafe {
                libc::syscall(libc::SYS_clone, libc::CLONE_VM | libc::CLONE_VFORK, 0, 0, 0, 0)
            } == 0
            {
                loop {
                    // SAFETY: no arguments.
                    unsafe { libc::syscall(libc::SYS_sched_yield) };
                }
            }
        }
        "stop" => raise(Signal::SIGSTOP).expect("raise"),
        "descriptors" => {
            let mut count = 0;
            while nix::unistd::dup(std::io::stdin()).map(std::mem::forget).is_ok() {
                count += 1;
            }
            println!("{count} descriptors");
        }
        "big-file" => {
            let mut file = File::create(scratch("big")).expect("create");
            let megabyte = vec![b'x'; 1 << 20];
            for _ in 0..1000 {
                file.write_all(&megabyte).expect("write");
            }
        }
        "many-files" => {
            let made = (0..20_000).take_while(|n| File::create(scratch(&n.to_string())).is_ok());
            println!("{} files", made.count());
        }
        "closed-folder" => {
            use std::os::unix::fs::PermissionsExt as _;
            fs::create_dir_all(scratch("a/b")).expect("mkdir");
            File::create(scratch("a/b/c")).expect("create");
            for folder in ["a/b", "a"] {
                let nobody = fs::Permissions::from_mode(0o000);
                fs::set_permissions(scratch(folder), nobody).expect("chmod");
            }
        }
        "memory" => hog(),
        "memory-in-ten" => {
            for _ in 0..10 {
                if forked() {
                    hog()
                }
            }
            for_ever()
        }
        "terminal" => terminal(),
        "parent-memory" => {
            told("open", OpenOptions::new().write(true).open(format!("/proc/{parent}/mem")))
        }
        "attach" => trace(libc::PTRACE_ATTACH as c_int, parent),
        "seize" => trace(libc::PTRACE_SEIZE as c_int, parent),
        "delete" => told("unlink", fs::remove_file(victim.join("file"))),
        "write-outside" => told("open", File::create(victim.join("new"))),
        "append-outside" => told("open", OpenOptions::new().append(true).open(victim.join("file"))),
        "take-port" => told("bind", std::net::TcpListener::bind("127.0.0.1:0")),
        "close-descriptors" => close_everything(),
        "forge" => forge(parent),
        "exit-early" => {
            if forked() {
                for_ever()
            }
        }
        other => {
            let played = reaching::play(other, parent, &victim, marker)
                || privileges::play(other, parent, &victim)
                || hoarding::play(other);
            assert!(played, "no scene {other:?}");
        }
    }
}

/// Forks; whether this is the child.
fn forked() -> bool {
    // SAFETY: this program has one thread in the scenes that fork.
    matches!(unsafe { fork() }, Ok(ForkResult::Child))
}

fn for_ever() -> ! {
    loop {
        pause();
    }
}

fn told<T, E: std::fmt::Display>(call: &str, result: Result<T, E>) {
    match result {
        Ok(_) => println!("{call}: done"),
        Err(error) => println!("{call}: {error}"),
    }
}

fn scratch(name: &str) -> PathBuf {
    std::env::temp_dir().join(name)
}

fn hog() -> ! {
    let mut hoard = Vec::new();
    loop {
        hoard.push(vec![1u8; 16 << 20]);
    }
}

fn close_everything() {
    for fd in 0..2000 {
        // SAFETY: whoever had one of these finds it closed, which is the point.
        unsafe { libc::close(fd) };
    }
}

fn limit(pid: c_int) {
    let limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the structure lives through the call.
    let done =
        unsafe { libc::prlimit(pid, libc::RLIMIT_CPU, &raw const limit, std::ptr::null_mut()) };
    told("prlimit", if done == 0 { Ok(()) } else { Err(Error::last_os_error()) });
}

fn own_signals(pid: c_int) {
    let (_reader, writer) = std::io::pipe().expect("pipe");
    use std::os::fd::AsRawFd as _;
    // SAFETY: plain numbers.
    let done = unsafe { libc::fcntl(writer.as_raw_fd(), libc::F_SETOWN, pid) };
    told("fcntl", if done == 0 { Ok(()) } else { Err(Error::last_os_error()) });
}

fn trace(request: c_int, pid: c_int) {
    // SAFETY: plain numbers.
    let done = unsafe { libc::syscall(libc::SYS_ptrace, request, pid, 0, 0) };
    told("ptrace", if done == 0 { Ok(()) } else { Err(Error::last_os_error()) });
}

fn terminal() {
    told("open", OpenOptions::new().read(true).write(true).open("/dev/tty"));
    for fd in 0..3 {
        // SAFETY: plain numbers.
        let done = unsafe { libc::tcsetpgrp(fd, getpid().as_raw()) };
        told("tcsetpgrp", if done == 0 { Ok(()) } else { Err(Error::last_os_error()) });
    }
}

/// Says "it has ended well" wherever somebody might listen for that.
fn forge(parent: c_int) {
    let report: Vec<u8> = [3i32, 1, 0].iter().flat_map(|number| number.to_ne_bytes()).collect();
    for fd in 3..1024 {
        // SAFETY: the bytes live through the call.
        unsafe { libc::write(fd, report.as_ptr().cast(), report.len()) };
        if let Ok(mut file) = OpenOptions::new().write(true).open(format!("/proc/{parent}/fd/{fd}"))
        {
            println!("opened the parent's descriptor {fd}");
            let _ = file.write_all(&report);
        }
    }
    println!("test result: ok. 1 passed; 0 failed");
    exit(3);
}
