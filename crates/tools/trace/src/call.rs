//! How a system call is written down: which arguments it has, and what each of them is.

use serde::{Deserialize, Serialize};

use crate::event::{Disposition, Status, Task};

/// An argument, with what stands in memory where it points to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Argument {
    /// A number.
    Number(i64),
    /// A descriptor.
    Descriptor(i32),
    /// The two descriptors that a pipe or a pair of sockets was given.
    Descriptors(Vec<i32>),
    /// Bits that have names.
    Flags(u64),
    /// A path.
    Path(String),
    /// A path that leads to a named pipe.
    Fifo(String),
    /// Some strings: `argv`.
    Strings(Vec<String>),
    /// Bytes: the first of them, as text, and how many there are in all.
    Bytes(String, u64),
    /// What is added to an eventfd's count, or taken from it.
    Count(u64),
    /// A process or thread. 0 and -1 are numbers.
    Task(Task),
    /// A process group, by its leader.
    Group(Task),
    /// Who holds a lock that others wait for, by the id that stands in it.
    Holder(Task),
    /// A signal.
    Signal(i32),
    /// A set of signals.
    Signals(Vec<i32>),
    /// What is to happen on a signal: whether calls begin again by themselves (SA_RESTART) and which
    /// signals wait outside meanwhile.
    Action(Disposition, bool, Vec<i32>),
    /// The descriptors in a `select` set.
    Set(Vec<i32>),
    /// What `poll` is asked and answers: descriptor, asked for, found.
    Polled(Vec<(i32, u16, u16)>),
    /// How a child ended.
    Status(Status),
    /// A time, in nanoseconds.
    Time(u64),
    /// A socket's address: `127.0.0.1:80`, a path.
    Address(String),
    /// Descriptors that come or go with a message (SCM_RIGHTS).
    Passed(Vec<i32>),
    /// A lock on a file's bytes: whether it is for writing (`None`: it is taken away), the first of them and the first
    /// behind them.
    Lock(Option<bool>, i64, i64),
    /// Several messages at once: how long each is, and where it goes if it says so.
    Messages(Vec<(u64, Option<String>)>),
    /// A pointer that is null.
    Null,
    /// Where something is to be put.
    Out,
    /// Something that nobody here looks into.
    Opaque,
}

/// What stands at an argument's place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A number.
    Number,
    /// A descriptor.
    Descriptor,
    /// Bits that have names.
    Flags,
    /// A pointer to a path.
    Path,
    /// A pointer to a list of pointers to strings, ended by a null.
    Strings,
    /// A pointer to bytes that go in; the argument with that index says how many.
    BytesIn(usize),
    /// A pointer to bytes that come out; the result says how many.
    BytesOut,
    /// A pointer to pieces of bytes that go in, and the next argument says how many pieces.
    PiecesIn,
    /// The same, coming out.
    PiecesOut,
    /// A pointer to two descriptors that come out.
    PairOut,
    /// A pid or a thread's id.
    Task,
    /// Whom `waitid` waits for: a pid, or a descriptor where the argument before says so (P_PIDFD).
    Child,
    /// A signal.
    Signal,
    /// A pointer to a set of signals that goes in.
    SignalsIn,
    /// A pointer to a set of signals that comes out.
    SignalsOut,
    /// A pointer to a struct sigaction that goes in.
    Action,
    /// A pointer to a set of descriptors, in and out; the first argument says how large.
    Set,
    /// A pointer to what poll is asked, in and out; the next argument says how many.
    Polled,
    /// A pointer to a wait status that comes out.
    StatusOut,
    /// A pointer to a struct timespec.
    Timespec,
    /// A pointer to a struct timeval.
    Timeval,
    /// A pointer to a socket's address that goes in; the next argument says how long it is.
    AddressIn,
    /// A pointer to a socket's address that comes out; the next argument points to how long it is.
    AddressOut,
    /// A pointer to a struct msghdr that goes in.
    MessageIn,
    /// A pointer to a struct msghdr that comes out.
    MessageOut,
    /// A pointer to some struct mmsghdr that go in; the next argument says how many.
    MessagesIn,
    /// The same, coming out; the result says how many.
    MessagesOut,
    /// A pointer, or a number, that nobody here looks into.
    Opaque,
}

/// A system call that is written down with its arguments. What is not in the table is written down
/// by its name alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Call {
    /// Its name, the same on all machines.
    pub name: &'static str,
    /// What its arguments are.
    pub arguments: &'static [Kind],
    /// Whether it returns a task.
    pub returns_task: bool,
}

use Kind::{
    Action as Act, AddressIn, AddressOut, BytesIn, BytesOut, Child, Descriptor as Fd, Flags,
    MessageIn, MessageOut, MessagesIn, MessagesOut, Number as Num, Opaque as Any, PairOut, Path,
    PiecesIn, PiecesOut, Polled, Set, Signal as Sig, SignalsIn, SignalsOut, StatusOut, Strings,
    Task as Who, Timespec, Timeval,
};

/// All calls that change or show what the pictures are about, by name.
const CALLS: &[(&str, &[Kind])] = &[
    // Processes.
    ("fork", &[]),
    ("vfork", &[]),
    ("clone", &[Flags]),
    ("clone3", &[Any, Num]),
    ("execve", &[Path, Strings, Any]),
    ("execveat", &[Fd, Path, Strings, Any, Flags]),
    ("exit", &[Num]),
    ("exit_group", &[Num]),
    ("wait4", &[Who, StatusOut, Flags, Any]),
    ("waitid", &[Num, Child, Any, Flags, Any]),
    ("getpid", &[]),
    ("getppid", &[]),
    ("gettid", &[]),
    ("setsid", &[]),
    ("getpgid", &[Who]),
    ("setpgid", &[Who, Who]),
    ("pidfd_open", &[Who, Flags]),
    ("prctl", &[Num, Any, Any, Any, Any]),
    // Descriptors.
    ("open", &[Path, Flags, Num]),
    ("openat", &[Fd, Path, Flags, Num]),
    ("openat2", &[Fd, Path, Any, Num]),
    ("creat", &[Path, Num]),
    ("close", &[Fd]),
    ("close_range", &[Num, Num, Flags]),
    ("dup", &[Fd]),
    ("dup2", &[Fd, Fd]),
    ("dup3", &[Fd, Fd, Flags]),
    ("fcntl", &[Fd, Num, Num]),
    ("ioctl", &[Fd, Num, Any]),
    ("pipe", &[PairOut]),
    ("pipe2", &[PairOut, Flags]),
    ("memfd_create", &[Path, Flags]),
    ("eventfd2", &[Num, Flags]),
    ("signalfd4", &[Fd, SignalsIn, Num, Flags]),
    ("timerfd_create", &[Num, Flags]),
    ("inotify_init1", &[Flags]),
    ("eventfd", &[Num]),
    ("signalfd", &[Fd, SignalsIn, Num]),
    ("epoll_create", &[Num]),
    ("inotify_init", &[]),
    ("mq_open", &[Path, Flags, Num, Any]),
    ("io_uring_setup", &[Num, Any]),
    ("fanotify_init", &[Flags, Flags]),
    ("userfaultfd", &[Flags]),
    ("memfd_secret", &[Flags]),
    ("landlock_create_ruleset", &[Any, Num, Flags]),
    ("pidfd_getfd", &[Fd, Fd, Flags]),
    ("open_tree", &[Fd, Path, Flags]),
    ("fsopen", &[Path, Flags]),
    ("fspick", &[Fd, Path, Flags]),
    ("fsmount", &[Fd, Flags, Flags]),
    ("open_by_handle_at", &[Fd, Any, Flags]),
    ("perf_event_open", &[Any, Num, Num, Num, Flags]),
    ("bpf", &[Num, Any, Num]),
    ("seccomp", &[Num, Flags, Any]),
    ("unshare", &[Flags]),
    ("epoll_create1", &[Flags]),
    ("epoll_ctl", &[Fd, Num, Fd, Any]),
    // Bytes.
    ("read", &[Fd, BytesOut, Num]),
    ("write", &[Fd, BytesIn(2), Num]),
    ("pread64", &[Fd, BytesOut, Num, Num]),
    ("pwrite64", &[Fd, BytesIn(2), Num, Num]),
    ("readv", &[Fd, PiecesOut, Num]),
    ("writev", &[Fd, PiecesIn, Num]),
    ("lseek", &[Fd, Num, Num]),
    ("sendfile", &[Fd, Fd, Any, Num]),
    ("splice", &[Fd, Any, Fd, Any, Num, Flags]),
    ("vmsplice", &[Fd, Any, Num, Flags]),
    ("mq_timedsend", &[Fd, BytesIn(2), Num, Num, Timespec]),
    ("mq_timedreceive", &[Fd, BytesOut, Num, Any, Timespec]),
    ("tee", &[Fd, Fd, Num, Flags]),
    ("copy_file_range", &[Fd, Any, Fd, Any, Num, Flags]),
    // Sockets.
    ("socket", &[Num, Flags, Num]),
    ("socketpair", &[Num, Flags, Num, PairOut]),
    ("bind", &[Fd, AddressIn, Num]),
    ("listen", &[Fd, Num]),
    ("accept", &[Fd, Any, Any]),
    ("accept4", &[Fd, Any, Any, Flags]),
    ("connect", &[Fd, AddressIn, Num]),
    ("shutdown", &[Fd, Num]),
    ("sendto", &[Fd, BytesIn(2), Num, Flags, AddressIn, Num]),
    ("recvfrom", &[Fd, BytesOut, Num, Flags, AddressOut, Any]),
    ("sendmsg", &[Fd, MessageIn, Flags]),
    ("recvmsg", &[Fd, MessageOut, Flags]),
    ("sendmmsg", &[Fd, MessagesIn, Num, Flags]),
    ("recvmmsg", &[Fd, MessagesOut, Num, Flags, Timespec]),
    ("setsockopt", &[Fd, Num, Num, Any, Num]),
    ("getsockopt", &[Fd, Num, Num, Any, Any]),
    // Waiting.
    ("select", &[Num, Set, Set, Set, Timeval]),
    ("pselect6", &[Num, Set, Set, Set, Timespec, Any]),
    ("poll", &[Polled, Num, Num]),
    ("ppoll", &[Polled, Num, Timespec, SignalsIn]),
    ("epoll_wait", &[Fd, Any, Num, Num]),
    ("epoll_pwait", &[Fd, Any, Num, Num, SignalsIn]),
    ("epoll_pwait2", &[Fd, Any, Num, Timespec, SignalsIn]),
    ("nanosleep", &[Timespec, Any]),
    ("clock_nanosleep", &[Num, Flags, Timespec, Any]),
    ("pause", &[]),
    ("futex", &[Any, Num, Num]),
    ("alarm", &[Num]),
    ("setitimer", &[Num, Any, Any]),
    ("flock", &[Fd, Num]),
    // Signals.
    ("kill", &[Who, Sig]),
    ("tkill", &[Who, Sig]),
    ("tgkill", &[Who, Who, Sig]),
    ("pidfd_send_signal", &[Fd, Sig, Any, Flags]),
    ("rt_sigqueueinfo", &[Who, Sig, Any]),
    ("rt_tgsigqueueinfo", &[Who, Who, Sig, Any]),
    ("rt_sigaction", &[Sig, Act, Any]),
    ("rt_sigprocmask", &[Num, SignalsIn, SignalsOut]),
    ("rt_sigpending", &[SignalsOut]),
    ("rt_sigsuspend", &[SignalsIn]),
    ("rt_sigtimedwait", &[SignalsIn, Any, Timespec]),
    ("rt_sigreturn", &[]),
    // What the pictures don't show, but the text does.
    ("chdir", &[Path]),
    ("unlink", &[Path]),
    ("unlinkat", &[Fd, Path, Flags]),
    ("mq_unlink", &[Path]),
    ("mknodat", &[Fd, Path, Num, Num]),
    ("mkdir", &[Path, Num]),
    ("rename", &[Path, Path]),
    ("readlink", &[Path, Any, Num]),
    ("umask", &[Num]),
];

/// Calls that return a task: the one that they have made, found or asked for.
const RETURN_TASKS: [&str; 10] = [
    "fork", "vfork", "clone", "clone3", "wait4", "getpid", "getppid", "gettid", "getpgid", "setsid",
];

/// How a call is written down; `None`: by its name alone.
pub fn called(name: &str) -> Option<Call> {
    let &(name, arguments) = CALLS.iter().find(|(known, _)| *known == name)?;
    Some(Call { name, arguments, returns_task: RETURN_TASKS.contains(&name) })
}
