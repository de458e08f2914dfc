//! The system calls in which a process can be blocked, by number.

use libc::c_long;

/// What a blocked process is waiting for, as far as the call and its arguments tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wait {
    /// For this child to change state.
    Child(i32),
    /// For any child, or any of a process group.
    AnyChild,
    /// For the process behind this descriptor.
    PidFd(i32),
    /// For a path to be opened; the number is the address of its name.
    Open(u64),
    /// For something to read, or to accept, from this descriptor.
    Read(i32),
    /// For room to write to this descriptor.
    Write(i32),
    /// For any of several descriptors.
    Ready,
    /// For a signal.
    Signal,
    /// For a lock, or for another thread.
    Lock,
    /// For time to pass, and for nothing else.
    Time,
    /// For something that this list has no word for.
    Other,
}

/// The name of a system call, without its section; `None` when this list doesn't have it.
pub(crate) fn name(number: c_long) -> Option<&'static str> {
    CALLS.iter().chain(OLD_CALLS).find(|(n, _)| *n == number).map(|(_, name)| *name)
}

/// What a process that is asleep in this call is waiting for.
pub(crate) fn wait(number: c_long, args: [u64; 6]) -> Wait {
    let [first, second, third, ..] = args;
    // An int argument is the low half of its register, whatever is in the high one.
    let int = |register: u64| register as u32 as i32;
    match name(number) {
        Some("wait4") => match int(first) {
            pid @ 1.. => Wait::Child(pid),
            _ => Wait::AnyChild,
        },
        Some("waitid") => match first as libc::idtype_t {
            libc::P_PID => Wait::Child(int(second)),
            libc::P_PIDFD => Wait::PidFd(int(second)),
            _ => Wait::AnyChild,
        },
        Some("open") => Wait::Open(first),
        Some("openat") => Wait::Open(second),
        Some("read" | "readv" | "recvfrom" | "recvmsg" | "accept" | "accept4") => {
            Wait::Read(int(first))
        }
        Some("write" | "writev" | "sendto" | "sendmsg") => Wait::Write(int(first)),
        Some("poll") if second == 0 && int(third) >= 0 => Wait::Time,
        Some("ppoll") if second == 0 && third != 0 => Wait::Time,
        Some("select" | "pselect6") if int(first) == 0 && args[4] != 0 => Wait::Time,
        Some(
            "poll" | "ppoll" | "select" | "pselect6" | "epoll_wait" | "epoll_pwait"
            | "epoll_pwait2",
        ) => Wait::Ready,
        Some("pause" | "rt_sigsuspend" | "rt_sigtimedwait") => Wait::Signal,
        Some("futex") => Wait::Lock,
        Some("nanosleep" | "clock_nanosleep") => Wait::Time,
        _ => Wait::Other,
    }
}

/// Whether a sleep in this call ends after some time at the latest, whatever else happens.
pub(crate) fn has_a_limit(number: c_long, args: [u64; 6]) -> bool {
    let [_, _, third, fourth, fifth, _] = args;
    let milliseconds = |register: u64| register as u32 as i32 >= 0;
    match name(number) {
        Some("poll") => milliseconds(third),
        Some("epoll_wait" | "epoll_pwait") => milliseconds(fourth),
        Some("ppoll" | "rt_sigtimedwait") => third != 0,
        Some("epoll_pwait2" | "futex") => fourth != 0,
        Some("select" | "pselect6") => fifth != 0,
        // Only what has a limit is begun anew by this one: it keeps what is left of the time.
        Some("nanosleep" | "clock_nanosleep" | "restart_syscall") => true,
        _ => false,
    }
}

const CALLS: &[(c_long, &str)] = &[
    (libc::SYS_accept, "accept"),
    (libc::SYS_accept4, "accept4"),
    (libc::SYS_clock_nanosleep, "clock_nanosleep"),
    (libc::SYS_clone, "clone"),
    (libc::SYS_connect, "connect"),
    (libc::SYS_epoll_pwait, "epoll_pwait"),
    (libc::SYS_epoll_pwait2, "epoll_pwait2"),
    (libc::SYS_fcntl, "fcntl"),
    (libc::SYS_flock, "flock"),
    (libc::SYS_fsync, "fsync"),
    (libc::SYS_futex, "futex"),
    (libc::SYS_ioctl, "ioctl"),
    (libc::SYS_nanosleep, "nanosleep"),
    (libc::SYS_openat, "openat"),
    (libc::SYS_ppoll, "ppoll"),
    (libc::SYS_pselect6, "pselect6"),
    (libc::SYS_read, "read"),
    (libc::SYS_readv, "readv"),
    (libc::SYS_recvfrom, "recvfrom"),
    (libc::SYS_recvmsg, "recvmsg"),
    (libc::SYS_restart_syscall, "restart_syscall"),
    (libc::SYS_rt_sigsuspend, "rt_sigsuspend"),
    (libc::SYS_rt_sigtimedwait, "rt_sigtimedwait"),
    (libc::SYS_sendmsg, "sendmsg"),
    (libc::SYS_sendto, "sendto"),
    (libc::SYS_splice, "splice"),
    (libc::SYS_wait4, "wait4"),
    (libc::SYS_waitid, "waitid"),
    (libc::SYS_write, "write"),
    (libc::SYS_writev, "writev"),
];

/// Calls that newer architectures don't have any more.
#[cfg(target_arch = "x86_64")]
const OLD_CALLS: &[(c_long, &str)] = &[
    (libc::SYS_epoll_wait, "epoll_wait"),
    (libc::SYS_open, "open"),
    (libc::SYS_pause, "pause"),
    (libc::SYS_poll, "poll"),
    (libc::SYS_select, "select"),
    (libc::SYS_vfork, "vfork"),
];
#[cfg(not(target_arch = "x86_64"))]
const OLD_CALLS: &[(c_long, &str)] = &[];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wait4_tells_whom_it_waits_for() {
        assert_eq!(wait(libc::SYS_wait4, [42, 0, 0, 0, 0, 0]), Wait::Child(42));
        assert_eq!(wait(libc::SYS_wait4, [u64::from(u32::MAX), 0, 0, 0, 0, 0]), Wait::AnyChild);
        assert_eq!(wait(libc::SYS_wait4, [u64::MAX, 0, 0, 0, 0, 0]), Wait::AnyChild);
    }

    #[test]
    fn a_timeout_is_a_limit_and_none_is_none() {
        let none = u64::from(u32::MAX);
        assert!(has_a_limit(libc::SYS_ppoll, [0x7ffc, 1, 0x7ffc, 0, 0, 0]));
        assert!(!has_a_limit(libc::SYS_ppoll, [0x7ffc, 1, 0, 0, 0, 0]));
        assert!(has_a_limit(libc::SYS_epoll_pwait, [3, 0x7ffc, 1, 50, 0, 0]));
        assert!(!has_a_limit(libc::SYS_epoll_pwait, [3, 0x7ffc, 1, none, 0, 0]));
        assert!(!has_a_limit(libc::SYS_read, [0, 0x7ffc, 1, 1, 1, 1]));
    }

    #[test]
    fn waiting_on_no_descriptor_with_a_timeout_is_waiting_for_time() {
        assert_eq!(wait(libc::SYS_ppoll, [0, 0, 0x7ffc, 0, 0, 0]), Wait::Time);
        assert_eq!(wait(libc::SYS_ppoll, [0x7ffc, 1, 0x7ffc, 0, 0, 0]), Wait::Ready);
        assert_eq!(wait(libc::SYS_ppoll, [0, 0, 0, 0, 0, 0]), Wait::Ready);
    }
}
