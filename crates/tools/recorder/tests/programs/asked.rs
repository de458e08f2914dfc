//! Runs a program each of whose calls of `kill` may be made when this one says so, by seccomp_unotify(2):
//! `asked MILLISECONDS PROGRAM ARGUMENTS`. It says so after that time.

use std::io::{Read, Write, pipe};
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Command, exit};
use std::thread::sleep;
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid, fork};

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let late = Duration::from_millis(args[0].parse().expect("a number"));
    let (mut tells, mut number) = pipe().expect("there is room");
    let (mut goes_on, go) = pipe().expect("there is room");
    // SAFETY: this program has one thread.
    let child = match unsafe { fork() }.expect("there is room") {
        ForkResult::Child => {
            drop(go);
            let listener = listener();
            number.write_all(&listener.as_raw_fd().to_ne_bytes()).expect("it reads");
            assert_eq!(goes_on.read(&mut [0]).expect("it can be read"), 0);
            drop(listener);
            panic!("{}", Command::new(&args[1]).args(&args[2..]).exec());
        }
        ForkResult::Parent { child } => child,
    };
    let mut theirs = [0; 4];
    tells.read_exact(&mut theirs).expect("it tells");
    let listener = borrowed(child, i32::from_ne_bytes(theirs));
    drop(go);
    let mut asked = [PollFd::new(listener.as_fd(), PollFlags::POLLIN)];
    loop {
        poll(&mut asked, PollTimeout::NONE).expect("it can wait");
        // Nobody is left who could ask.
        if !asked[0].any().unwrap_or_default() || asked[0].revents() == Some(PollFlags::POLLHUP) {
            break;
        }
        answer(&listener, late);
    }
    match waitpid(child, None) {
        Ok(WaitStatus::Exited(_, code)) => exit(code),
        other => panic!("{other:?}"),
    }
}

/// For each `kill`, this process and all that come of it will ask at the descriptor.
fn listener() -> OwnedFd {
    let step =
        |code, k, jump_else| libc::sock_filter { code: code as u16, jt: 0, jf: jump_else, k };
    let mut filter = [
        step(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0), // the call's number stands first
        step(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, libc::SYS_kill as u32, 1),
        step(libc::BPF_RET | libc::BPF_K, libc::SECCOMP_RET_USER_NOTIF, 0),
        step(libc::BPF_RET | libc::BPF_K, libc::SECCOMP_RET_ALLOW, 0),
    ];
    let program = libc::sock_fprog { len: filter.len() as u16, filter: filter.as_mut_ptr() };
    nix::sys::prctl::set_no_new_privs().expect("anybody may");
    let (set, flags) = (libc::SECCOMP_SET_MODE_FILTER, libc::SECCOMP_FILTER_FLAG_NEW_LISTENER);
    // SAFETY: the filter is a list of ours, with its length.
    let made = unsafe { libc::syscall(libc::SYS_seccomp, set, flags, &raw const program) };
    let made = Errno::result(made).expect("a filter is allowed");
    // SAFETY: it is new, and nobody else's.
    unsafe { OwnedFd::from_raw_fd(made as i32) }
}

fn borrowed(process: Pid, number: i32) -> OwnedFd {
    // SAFETY: it is new, and nobody else's.
    let own = |fd: i64| unsafe { OwnedFd::from_raw_fd(fd as i32) };
    // SAFETY: numbers only.
    let pidfd = unsafe { libc::syscall(libc::SYS_pidfd_open, process.as_raw(), 0) };
    let pidfd = Errno::result(pidfd).map(own).expect("our child");
    // SAFETY: numbers only.
    let got = unsafe { libc::syscall(libc::SYS_pidfd_getfd, pidfd.as_raw_fd(), number, 0) };
    Errno::result(got).map(own).expect("our child's")
}

/// Says yes to one question.
fn answer(listener: &OwnedFd, late: Duration) {
    const RECEIVE: u64 = 0xc050_2100; // SECCOMP_IOCTL_NOTIF_RECV
    const SEND: u64 = 0xc018_2101; // SECCOMP_IOCTL_NOTIF_SEND
    // SAFETY: plain data, for which all zeros is a value.
    let mut question: libc::seccomp_notif = unsafe { std::mem::zeroed() };
    // SAFETY: the kernel writes a question there, which is ours.
    let asked = unsafe { libc::ioctl(listener.as_raw_fd(), RECEIVE as _, &raw mut question) };
    if Errno::result(asked).is_err() {
        return; // who has asked is gone
    }
    sleep(late);
    let flags = libc::SECCOMP_USER_NOTIF_FLAG_CONTINUE as u32;
    let answer = libc::seccomp_notif_resp { id: question.id, val: 0, error: 0, flags };
    // SAFETY: the kernel reads the answer, which is ours. Who has asked may be gone.
    unsafe { libc::ioctl(listener.as_raw_fd(), SEND as _, &raw const answer) };
}
