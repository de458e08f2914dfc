//! Hostile scenes that ask for more than a program may have, or look like something else than they are.

use super::reaching::call;
use super::{for_ever, forked, scratch, told};
use libc::{c_int, c_long};
use std::ffi::CString;
use std::fs::{self, File};
use std::io::Write as _;
use std::os::fd::{AsRawFd as _, FromRawFd as _};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;

/// Plays the scene of that name; whether there is one.
pub(crate) fn play(scene: &str, parent: c_int, victim: &Path) -> bool {
    match scene {
        "exec-memory-file" => exec_memory_file(),
        "fork-in-handler" => fork_in_handler(),
        "trace-sibling" => {
            if forked() {
                for_ever()
            }
            // SAFETY: no arguments. Its pid is behind this one's, where nobody else forks.
            let sibling = unsafe { libc::getpid() } + 1;
            call("attach", libc::SYS_ptrace, [libc::PTRACE_ATTACH as c_long, sibling.into(), 0, 0]);
        }
        "sparse" => {
            let file = File::create(scratch("sparse")).expect("create");
            told("truncate", file.set_len(1 << 40));
            call("fallocate", libc::SYS_fallocate, [file.as_raw_fd().into(), 0, 0, 1 << 40]);
        }
        "forged-verdict" => {
            println!(r#"{{"id":"a_test","status":"pass","points":3,"max":3}}"#);
            println!("test a_test ... ok");
            told("GRADER_VERDICTS", std::env::var("GRADER_VERDICTS"));
        }
        "overwrite-itself" => {
            let me = std::env::current_exe().expect("exe");
            told("open", File::options().write(true).open(&me));
            told("open", File::options().write(true).open("/proc/self/exe"));
            told("unlink", fs::remove_file(me));
        }
        "through-a-link" => {
            std::os::unix::fs::symlink(victim, scratch("link")).expect("symlink");
            told("open", File::create(scratch("link").join("new")));
            told("open", File::options().append(true).open(scratch("link").join("file")));
            told("link", fs::hard_link(victim.join("file"), scratch("hard")));
        }
        "timers" => timers(),
        "real-time" => {
            let priority: c_int = 1;
            let parameters = &raw const priority as c_long;
            let fifo = libc::SCHED_FIFO.into();
            call("scheduler", libc::SYS_sched_setscheduler, [0, fifo, parameters, 0]);
            call("nice", libc::SYS_setpriority, [0, 0, -20, 0]);
            for_ever()
        }
        "clock" => {
            let first = [0i64; 2];
            let time = &raw const first as c_long;
            call("settime", libc::SYS_clock_settime, [libc::CLOCK_REALTIME.into(), time, 0, 0]);
        }
        "own-mount" => {
            let flags = libc::CLONE_NEWUSER | libc::CLONE_NEWNS;
            call("unshare", libc::SYS_unshare, [flags.into(), 0, 0, 0]);
            let [kind, here] = ["tmpfs", "/tmp"].map(|text| CString::new(text).expect("no zero"));
            let (kind, here) = (kind.as_ptr() as c_long, here.as_ptr() as c_long);
            call("mount", libc::SYS_mount, [kind, here, kind, 0]);
        }
        "reboot" => {
            let [first, second] = [0xfee1_deadu32, 672_274_793].map(c_long::from);
            call("reboot", libc::SYS_reboot, [first, second, 0x0123_4567, 0]);
        }
        "hostname" => {
            let name = c"unicorn".as_ptr() as c_long;
            call("sethostname", libc::SYS_sethostname, [name, 7, 0, 0]);
        }
        "other-numbers" => {
            call("x32 kill", 0x4000_0000 | libc::SYS_kill, [parent.into(), 9, 0, 0]);
            println!("i386 kill: {}", kill_as_i386(parent));
        }
        "zombie-storm" => {
            for _ in 0..10_000 {
                if forked() {
                    return true;
                }
            }
            for_ever()
        }
        "threads-that-fork" => forks_in_a_thread(),
        "again-and-again" => {
            for _ in 0..100 {
                // SAFETY: plain numbers.
                unsafe { libc::kill(parent, libc::SIGKILL) };
            }
            call("attach", libc::SYS_ptrace, [libc::PTRACE_ATTACH as c_long, parent.into(), 0, 0]);
        }
        "stop-parent" => call("kill", libc::SYS_kill, [parent.into(), libc::SIGSTOP.into(), 0, 0]),
        _ => return false,
    }
    true
}

/// Becomes a copy of itself that has no name, and stays.
fn exec_memory_file() {
    let args: Vec<String> = std::env::args().skip(2).collect();
    if std::env::current_exe().is_ok_and(|exe| exe.to_string_lossy().contains("memfd:")) {
        for_ever()
    }
    // SAFETY: the name lives through the call.
    let fd = unsafe { libc::memfd_create(c"nobody".as_ptr(), 0) };
    assert!(fd >= 0, "memfd_create");
    // SAFETY: the kernel has just handed us this number.
    let mut file = unsafe { File::from_raw_fd(fd) };
    let me = fs::read("/proc/self/exe").expect("read");
    file.write_all(&me).expect("write");
    let mut copy = Command::new(format!("/proc/self/fd/{fd}"));
    told::<(), _>("exec", Err(copy.arg("exec-memory-file").args(args).exec()));
}

extern "C" fn fork_once(_: c_int) {
    // SAFETY: this program has one thread, and the C library lets a handler fork.
    unsafe { libc::fork() };
}

/// Every process forks in a second thread, whose children are none of the first one's.
fn forks_in_a_thread() -> ! {
    std::thread::spawn(|| {
        loop {
            if forked() {
                forks_in_a_thread()
            }
        }
    });
    for_ever()
}

/// Every process forks in a handler, a thousand times a second.
fn fork_in_handler() {
    // SAFETY: the handler calls fork, which it may.
    unsafe { libc::signal(libc::SIGALRM, fork_once as *const () as libc::sighandler_t) };
    let often = libc::timeval { tv_sec: 0, tv_usec: 1000 };
    let timer = libc::itimerval { it_interval: often, it_value: often };
    loop {
        // A child has none of its own: setitimer(2). SAFETY: the structure lives through the call.
        unsafe { libc::setitimer(libc::ITIMER_REAL, &raw const timer, std::ptr::null_mut()) };
        // SAFETY: no arguments.
        unsafe { libc::pause() };
    }
}

/// As many timers as there may be, each going off as often as it can.
fn timers() {
    // SAFETY: ignoring installs no handler.
    unsafe { libc::signal(libc::SIGALRM, libc::SIG_IGN) };
    let often = libc::timespec { tv_sec: 0, tv_nsec: 1 };
    let when = libc::itimerspec { it_interval: often, it_value: often };
    let mut count = 0;
    loop {
        let mut timer = std::ptr::null_mut();
        // SAFETY: a null event means SIGALRM; `timer` is ours to write.
        let made = unsafe {
            libc::timer_create(libc::CLOCK_MONOTONIC, std::ptr::null_mut(), &raw mut timer)
        };
        if made != 0 || count == 100_000 {
            break;
        }
        // SAFETY: the timer was just made, and the structure lives through the call.
        unsafe { libc::timer_settime(timer, 0, &raw const when, std::ptr::null_mut()) };
        count += 1;
    }
    println!("{count} timers");
    for_ever()
}

/// kill(2) as a program of 32 bits calls it, under another number; what it returns.
#[cfg(target_arch = "x86_64")]
fn kill_as_i386(pid: c_int) -> i64 {
    let mut result: i64 = 37;
    // SAFETY: the kernel takes its arguments from these registers, and keeps all but the first; rbx is put back.
    unsafe {
        std::arch::asm!(
            "xchg {pid:r}, rbx", "int 0x80", "xchg {pid:r}, rbx",
            pid = inout(reg) i64::from(pid) => _, inout("rax") result, in("rcx") 9,
            out("r8") _, out("r9") _, out("r10") _, out("r11") _,
        );
    }
    result
}

#[cfg(not(target_arch = "x86_64"))]
fn kill_as_i386(_: c_int) -> i64 {
    -i64::from(libc::ENOSYS)
}
