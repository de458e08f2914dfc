//! The names that the manual pages use for numbers.

use crate::event::Task;

/// The signals of x86-64 and aarch64, from 1: signal(7).
const SIGNALS: [&str; 31] = [
    "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2",
    "PIPE", "ALRM", "TERM", "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG",
    "XCPU", "XFSZ", "VTALRM", "PROF", "WINCH", "IO", "PWR", "SYS",
];

/// The first real-time signal that the C library leaves to programs.
const REAL_TIME: i32 = 34;

/// `SIGKILL`'s number.
pub(crate) const SIGKILL: i32 = 9;
/// `SIGALRM`'s number.
pub(crate) const SIGALRM: i32 = 14;
/// `SIGCHLD`'s number.
pub(crate) const SIGCHLD: i32 = 17;
pub(crate) const SIGCONT: i32 = 18;

/// A signal's name: `SIGCHLD`, `SIGRTMIN+3`.
#[must_use]
pub fn signal(number: i32) -> String {
    let index = usize::try_from(number).ok().and_then(|number| number.checked_sub(1));
    match index.and_then(|index| SIGNALS.get(index)) {
        Some(name) => format!("SIG{name}"),
        None if number == REAL_TIME => "SIGRTMIN".into(),
        None if number > REAL_TIME => format!("SIGRTMIN+{}", number - REAL_TIME),
        None => format!("signal {number}"),
    }
}

/// Several signals: `SIGINT, SIGTERM`; of most of them, those that are missing.
#[must_use]
pub fn signals<'a>(numbers: impl IntoIterator<Item = &'a i32>) -> String {
    let numbers: Vec<i32> = numbers.into_iter().copied().collect();
    let named = |numbers: &[i32]| {
        numbers.iter().map(|&number| signal(number)).collect::<Vec<_>>().join(", ")
    };
    if numbers.len() < MANY {
        return named(&numbers);
    }
    // Nobody can block SIGKILL and SIGSTOP, and two real-time signals are the C library's own.
    let all = (1..=31).chain(REAL_TIME..=64).filter(|number| !matches!(number, 9 | 19));
    let missing: Vec<i32> = all.filter(|number| !numbers.contains(number)).collect();
    if missing.is_empty() { "all signals".into() } else { format!("all but {}", named(&missing)) }
}

/// So many signals are better told by those that are missing.
const MANY: usize = 40;

pub(crate) const O_ACCMODE: u64 = 0o3;
pub(crate) const O_WRONLY: u64 = 0o1;
pub(crate) const O_RDWR: u64 = 0o2;
pub(crate) const O_APPEND: u64 = 0o2000;
pub(crate) const O_NONBLOCK: u64 = 0o4000;
pub(crate) const O_CLOEXEC: u64 = 0o2_000_000;

const OPEN: &[(u64, &str)] = &[
    (O_WRONLY, "O_WRONLY"),
    (O_RDWR, "O_RDWR"),
    (0o100, "O_CREAT"),
    (0o200, "O_EXCL"),
    (0o400, "O_NOCTTY"),
    (0o1000, "O_TRUNC"),
    (O_APPEND, "O_APPEND"),
    (O_NONBLOCK, "O_NONBLOCK"),
    (0o200_000, "O_DIRECTORY"),
    (0o400_000, "O_NOFOLLOW"),
    (0o10_000_000, "O_PATH"),
    (O_CLOEXEC, "O_CLOEXEC"),
];
const PIPE: &[(u64, &str)] =
    &[(0o40_000, "O_DIRECT"), (O_NONBLOCK, "O_NONBLOCK"), (O_CLOEXEC, "O_CLOEXEC")];
const SOCKET: &[(u64, &str)] = &[(O_NONBLOCK, "SOCK_NONBLOCK"), (O_CLOEXEC, "SOCK_CLOEXEC")];
const EVENT: &[(u64, &str)] =
    &[(1, "EFD_SEMAPHORE"), (O_NONBLOCK, "EFD_NONBLOCK"), (O_CLOEXEC, "EFD_CLOEXEC")];
const SIGNAL: &[(u64, &str)] = &[(O_NONBLOCK, "SFD_NONBLOCK"), (O_CLOEXEC, "SFD_CLOEXEC")];
const TIMER: &[(u64, &str)] = &[(O_NONBLOCK, "TFD_NONBLOCK"), (O_CLOEXEC, "TFD_CLOEXEC")];
const EPOLL: &[(u64, &str)] = &[(O_CLOEXEC, "EPOLL_CLOEXEC")];
const MEMORY: &[(u64, &str)] = &[(1, "MFD_CLOEXEC"), (2, "MFD_ALLOW_SEALING")];
const RANGE: &[(u64, &str)] = &[(2, "CLOSE_RANGE_UNSHARE"), (4, "CLOSE_RANGE_CLOEXEC")];
const WAIT: &[(u64, &str)] = &[
    (1, "WNOHANG"),
    (2, "WUNTRACED"),
    (4, "WEXITED"),
    (8, "WCONTINUED"),
    (0x0100_0000, "WNOWAIT"),
    (0x2000_0000, "__WNOTHREAD"),
    (0x4000_0000, "__WALL"),
    (0x8000_0000, "__WCLONE"),
];
const MESSAGE: &[(u64, &str)] = &[
    (2, "MSG_PEEK"),
    (0x40, "MSG_DONTWAIT"),
    (0x100, "MSG_WAITALL"),
    (0x4000, "MSG_NOSIGNAL"),
    (0x4000_0000, "MSG_CMSG_CLOEXEC"),
];
const CLONE: &[(u64, &str)] = &[
    (0x100, "CLONE_VM"),
    (0x200, "CLONE_FS"),
    (0x400, "CLONE_FILES"),
    (0x800, "CLONE_SIGHAND"),
    (0x1000, "CLONE_PIDFD"),
    (0x4000, "CLONE_VFORK"),
    (0x8000, "CLONE_PARENT"),
    (0x1_0000, "CLONE_THREAD"),
];

/// The flags of a call by name: `O_CLOEXEC|O_NONBLOCK`. Bits without a name stand at the end, in
/// hexadecimal; without any flag: `0`.
#[must_use]
pub fn flags(call: &str, bits: u64) -> String {
    let (names, head) = match call {
        "open" | "openat" | "mq_open" => {
            (OPEN, if bits & O_ACCMODE == 0 { "O_RDONLY" } else { "" })
        }
        "pipe2" | "dup3" => (PIPE, ""),
        "socket" | "socketpair" | "accept4" => (SOCKET, socket_type(call, bits)),
        "eventfd2" => (EVENT, ""),
        "signalfd4" => (SIGNAL, ""),
        "timerfd_create" => (TIMER, ""),
        "epoll_create1" => (EPOLL, ""),
        "memfd_create" => (MEMORY, ""),
        "close_range" => (RANGE, ""),
        "wait4" | "waitid" => (WAIT, ""),
        "sendto" | "recvfrom" | "sendmsg" | "recvmsg" | "sendmmsg" | "recvmmsg" => (MESSAGE, ""),
        "clone" => (CLONE, ""),
        _ => (&[][..], ""),
    };
    // What stands in the head, or says nothing to a reader: the signal of clone, O_LARGEFILE.
    let mut rest = match call {
        "socket" | "socketpair" => bits & !0xf,
        "clone" => bits & !0xff,
        "open" | "openat" => bits & !0o100_000,
        _ => bits,
    };
    let mut found: Vec<String> = Vec::new();
    if !head.is_empty() {
        found.push(head.into());
    }
    for (bit, name) in names {
        if rest & bit != 0 {
            found.push((*name).into());
            rest &= !bit;
        }
    }
    if rest != 0 && call != "clone" {
        found.push(format!("{rest:#x}"));
    }
    if found.is_empty() { "0".into() } else { found.join("|") }
}

fn socket_type(call: &str, bits: u64) -> &'static str {
    match (call, bits & 0xf) {
        ("accept4", _) => "",
        (_, 1) => "SOCK_STREAM",
        (_, 2) => "SOCK_DGRAM",
        (_, 3) => "SOCK_RAW",
        (_, 5) => "SOCK_SEQPACKET",
        _ => "",
    }
}

/// A number and its noun: `1 byte`, `6 bytes`, `2 processes`.
#[must_use]
pub fn count(number: u64, one: &str, many: &str) -> String {
    if number == 1 { format!("1 {one}") } else { format!("{number} {many}") }
}

/// `1 byte`, `6 bytes`.
#[must_use]
pub fn bytes(number: u64) -> String {
    count(number, "byte", "bytes")
}

/// A list as one says it: `a`, `a and b`, `a, b and c`.
#[must_use]
pub fn list(items: &[String]) -> String {
    match items {
        [] => String::new(),
        [one] => one.clone(),
        [most @ .., last] => format!("{} and {last}", most.join(", ")),
    }
}

/// A time in the unit that suits it: `10 ms`, `1.5 s`.
#[must_use]
pub fn time(nanoseconds: u64) -> String {
    let (unit, name) = match nanoseconds {
        1_000_000_000.. => (1_000_000_000, "s"),
        1_000_000.. => (1_000_000, "ms"),
        1_000.. => (1_000, "µs"),
        _ => (1, "ns"),
    };
    let tenths = (nanoseconds / (unit / 10).max(1)) % 10;
    match (unit > 1 && tenths > 0, nanoseconds / unit) {
        (true, whole) => format!("{whole}.{tenths} {name}"),
        (false, whole) => format!("{whole} {name}"),
    }
}

/// What an error of this call means to the program that gets it.
#[must_use]
pub fn error(call: &str, name: &str) -> Option<&'static str> {
    Some(match name {
        "EAGAIN" if matches!(call, "fork" | "vfork" | "clone") => {
            "there are as many processes as there may be"
        }
        "EAGAIN" => "it would have to wait",
        "EINTR" => "a signal has interrupted it",
        "EPIPE" => "nobody is left who could read",
        "ECHILD" => "it has no child to wait for",
        "EBADF" => "no such descriptor is open",
        "ENOENT" => "there is no such file",
        "EEXIST" => "it is there already",
        "EACCES" | "EPERM" => "it may not do that",
        "EMFILE" => "it has as many descriptors as it may have",
        "ESRCH" => "there is no such process",
        "EADDRINUSE" => "somebody else has that address",
        "ECONNREFUSED" => "nobody listens there",
        "ECONNRESET" => "the other side has let go",
        "EINPROGRESS" => "it is under way",
        "ETIMEDOUT" => "it took too long",
        "ENOTTY" => "that is no terminal",
        "ENOTCONN" => "it is not connected",
        "EINVAL" => "that makes no sense to the kernel",
        _ => return None,
    })
}

/// Whose descriptor such a path leads to, and its number: `/dev/fd/3`, `/dev/stdin`, `/proc/P2/fd/3`. Nobody's is whoever
/// opens it.
#[must_use]
pub fn descriptor(path: &str) -> Option<(Option<Task>, i32)> {
    match path {
        "/dev/stdin" => return Some((None, 0)),
        "/dev/stdout" => return Some((None, 1)),
        "/dev/stderr" => return Some((None, 2)),
        _ => (),
    }
    let folders = ["/dev/fd/", "/proc/self/fd/", "/proc/thread-self/fd/"];
    if let Some(own) = folders.iter().find_map(|folder| path.strip_prefix(folder)) {
        return Some((None, own.parse().ok()?));
    }
    let (task, number) = path.strip_prefix("/proc/P")?.split_once("/fd/")?;
    let task = task.parse().ok().map(Task).filter(|task| *task != Task::OUTSIDE)?;
    Some((Some(task), number.parse().ok()?))
}
