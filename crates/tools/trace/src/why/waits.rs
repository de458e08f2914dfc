//! What a call waits for.

use super::Wait;
use super::ends::is_terminal;
use crate::event::Task;
use crate::model::{Arguments, Description, Kind, Model, OpenCall, Place};
use crate::names::O_ACCMODE;

const POLLIN: u16 = 1;
const POLLOUT: u16 = 4;
/// `waitid` calls it WSTOPPED.
const WUNTRACED: u64 = 2;
const WEXITED: u64 = 4;
const WCONTINUED: u64 = 8;

/// What a task waits for in a call, and how long at most, in nanoseconds.
pub(super) fn of(model: &Model, task: Task, call: &OpenCall) -> (Vec<Wait>, Option<u64>) {
    let arguments = Arguments(&call.arguments);
    if let (Some(made), true) = (call.made, call.waits_for_made) {
        return (vec![Wait::Made(made)], None);
    }
    let reads = |index| arguments.fd(index).map(|fd| to_read(model, task, fd));
    let writes = |index| arguments.fd(index).map(|fd| to_write(model, task, fd));
    let one = match call.name.as_str() {
        "read" | "readv" | "pread64" | "recvfrom" | "recvmsg" | "recvmmsg" => reads(0),
        "accept" | "accept4" => reads(0),
        "write" | "writev" | "pwrite64" | "sendto" | "sendmsg" | "sendmmsg" | "sendfile" => {
            writes(0)
        }
        "splice" | "tee" => {
            let to = if call.name == "tee" { 1 } else { 2 };
            return (spliced(model, reads(0), writes(to)), None);
        }
        "vmsplice" => match arguments.fd(0).and_then(|fd| model.kind(task, fd)) {
            Some(Kind::ReadEnd(_)) => reads(0),
            _ => writes(0),
        },
        "connect" => Some(Wait::Other(match arguments.address() {
            Some(address) => format!("its connection to {address} to be taken"),
            None => "its connection to be taken".into(),
        })),
        "wait4" => Some(child(arguments.task(0), arguments.flags(2) | WEXITED)),
        "waitid" => {
            let by_fd = || arguments.fd(1).and_then(|fd| model.kind(task, fd));
            let waited = arguments.task(1).or_else(|| match by_fd() {
                Some(Kind::PidFd(child)) => *child,
                _ => None,
            });
            Some(child(waited, arguments.flags(3)))
        }
        "nanosleep" | "clock_nanosleep" => {
            Some(arguments.time().map_or_else(|| Wait::Other("time to pass".into()), Wait::Time))
        }
        "pause" | "rt_sigsuspend" => Some(Wait::Signal(Vec::new())),
        "rt_sigtimedwait" => {
            let signals = arguments.signals().unwrap_or_default().to_vec();
            return (vec![Wait::Signal(signals)], arguments.time());
        }
        "futex" => Some(woken(model, task, arguments)),
        "flock" => Some(file_lock(model, task, call)),
        "fcntl" if matches!(arguments.number(1), Some(7 | 38)) => {
            Some(file_lock(model, task, call))
        }
        "open" => Some(other_opener(arguments, arguments.flags(1))),
        "openat" => Some(other_opener(arguments, arguments.flags(2))),
        "mq_timedreceive" | "mq_timedsend" => {
            let queue = arguments.fd(0).and_then(|fd| model.name_of(task, fd));
            let queue = queue.unwrap_or_else(|| "a message queue".into());
            Some(Wait::Queue(queue, call.name == "mq_timedreceive"))
        }
        "msgrcv" => Some(Wait::Other("a message in a queue".into())),
        "msgsnd" => Some(Wait::Other("room in a queue of messages".into())),
        "semop" | "semtimedop" => Some(Wait::Other("a semaphore".into())),
        "select" | "pselect6" => return (selected(model, task, arguments), arguments.time()),
        "poll" | "ppoll" => return polled(model, task, arguments),
        "epoll_wait" | "epoll_pwait" | "epoll_pwait2" => return watched(model, task, arguments),
        name => Some(Wait::Other(format!("{name} to be done"))),
    };
    (one.into_iter().collect(), None)
}

fn child(task: Option<Task>, flags: u64) -> Wait {
    let all = [(WEXITED, "end"), (WUNTRACED, "stop"), (WCONTINUED, "be continued")];
    let asked = all.into_iter().filter(|(flag, _)| flags & flag != 0);
    match &asked.map(|(_, what)| what).collect::<Vec<_>>()[..] {
        ["end"] => Wait::Child(task),
        what => Wait::Change(task, what.join(" or ")),
    }
}

/// What a task waits for at a place in memory: until another thread ends, where its id stands there; for a lock, by what stands
/// there in a lock that somebody else waits for, which may be who holds it; or for anything else that threads make of such places.
fn woken(model: &Model, task: Task, arguments: Arguments<'_>) -> Wait {
    const FUTEX_PRIVATE: u64 = 128;
    /// FUTEX_WAIT and FUTEX_WAIT_BITSET: others are made for locks, and say so.
    const WAITS: [u64; 2] = [0, 9];
    /// What glibc's locks and Rust's have there.
    const TAKEN_AND_AWAITED: i64 = 2;
    let operation = arguments.flags(1);
    let is_shared = operation & FUTEX_PRIVATE == 0;
    if arguments.get(2).is_none() {
        return Wait::Lock;
    }
    let is_lock = !WAITS.contains(&(operation & 0x7f));
    if let Some(holder) = arguments.holder(2) {
        return Wait::LockOf(holder);
    }
    let lock = if is_shared { Wait::SharedLock } else { Wait::Lock };
    match arguments.task(2) {
        _ if is_lock => lock,
        Some(thread) if is_shared && model.process_of(thread) == model.process_of(task) => {
            Wait::Child(Some(thread))
        }
        _ if arguments.number(2) == Some(TAKEN_AND_AWAITED) => lock,
        _ if is_shared => Wait::Other("somebody to wake it, as at a semaphore".into()),
        _ => Wait::Other("another thread to wake it, as at a condition or a channel".into()),
    }
}

/// What moves bytes waits for some, and once there are some, for room.
fn spliced(model: &Model, from: Option<Wait>, to: Option<Wait>) -> Vec<Wait> {
    let waits = match from {
        Some(Wait::Data(place)) if model.queued(place) > 0 => [None, to],
        Some(Wait::Data(Place::Pipe(_))) => [from, None],
        from => [from, to],
    };
    waits.into_iter().flatten().collect()
}

fn to_read(model: &Model, task: Task, fd: i32) -> Wait {
    if let Some(place) = model.read_from(task, fd) {
        return Wait::Data(place);
    }
    match (model.description(task, fd), model.name_of(task, fd)) {
        (Some(Description { kind: Kind::File(path), .. }), Some(name))
            if is_terminal(path) && name == *path =>
        {
            Wait::Typed(name)
        }
        (Some(Description { kind: Kind::File(_) | Kind::Outside(_), .. }), Some(name)) => {
            Wait::Other(format!("something to read from {name}"))
        }
        (Some(description), _) => description_to_read(model, description),
        (None, _) => Wait::Other(format!("descriptor {fd}")),
    }
}

fn description_to_read(model: &Model, description: &Description) -> Wait {
    match &description.kind {
        Kind::ReadEnd(pipe) | Kind::BothEnds(pipe) => Wait::Data(Place::Pipe(*pipe)),
        Kind::Socket(socket) if model.sockets.get(socket).is_some_and(|found| found.listening) => {
            Wait::Connection(*socket)
        }
        Kind::Socket(socket) => Wait::Data(Place::Socket(*socket)),
        Kind::SignalFd => Wait::Signal(description.signals.iter().copied().collect()),
        Kind::TimerFd => Wait::Other("a timer to expire".into()),
        Kind::PidFd(task) => Wait::Child(*task),
        Kind::EventFd(number) => Wait::Data(Place::EventFd(*number)),
        Kind::Epoll => Wait::Other("one of what an epoll instance watches".into()),
        kind => Wait::Other(format!("something to read from {}", model.name(kind))),
    }
}

fn to_write(model: &Model, task: Task, fd: i32) -> Wait {
    match (model.written_to(task, fd), model.name_of(task, fd)) {
        (Some(place), _) => Wait::Room(place),
        (None, Some(name)) => Wait::Other(format!("room in {name}")),
        (None, None) => Wait::Other(format!("descriptor {fd}")),
    }
}

/// A named pipe is opened once somebody opens it for the other direction.
fn other_opener(arguments: Arguments<'_>, flags: u64) -> Wait {
    let pipe = arguments.fifo().unwrap_or("the other end");
    let way = if flags & O_ACCMODE == 0 { "write to" } else { "read from" };
    Wait::Other(format!("somebody to open {pipe} to {way} it"))
}

fn file_lock(model: &Model, task: Task, call: &OpenCall) -> Wait {
    let kind = Arguments(&call.arguments).fd(0).and_then(|fd| model.kind(task, fd));
    let file = kind.map_or_else(|| "a file".into(), |kind| model.name(kind));
    Wait::FileLock(file, model.in_the_way(task, call))
}

fn selected(model: &Model, task: Task, arguments: Arguments<'_>) -> Vec<Wait> {
    let read = arguments.set(1).unwrap_or_default().iter().map(|fd| to_read(model, task, *fd));
    let write = arguments.set(2).unwrap_or_default().iter().map(|fd| to_write(model, task, *fd));
    read.chain(write).collect()
}

fn polled(model: &Model, task: Task, arguments: Arguments<'_>) -> (Vec<Wait>, Option<u64>) {
    let mut waits = Vec::new();
    for (fd, asked, _) in arguments.polled().unwrap_or_default() {
        if asked & POLLIN != 0 {
            waits.push(to_read(model, task, *fd));
        }
        if asked & POLLOUT != 0 {
            waits.push(to_write(model, task, *fd));
        }
    }
    let milliseconds = arguments.number(2).and_then(|number| u64::try_from(number).ok());
    (waits, arguments.time().or(milliseconds.map(|time| time.saturating_mul(1_000_000))))
}

fn watched(model: &Model, task: Task, arguments: Arguments<'_>) -> (Vec<Wait>, Option<u64>) {
    let epoll = arguments.fd(0).and_then(|fd| model.description(task, fd));
    let waits = epoll.map_or_else(Vec::new, |epoll| ready(model, epoll, 0));
    let milliseconds = arguments.number(3).and_then(|number| u64::try_from(number).ok());
    (waits, arguments.time().or(milliseconds.map(|time| time.saturating_mul(1_000_000))))
}

/// What an epoll instance waits for: one that it watches waits for its own. The kernel lets no more than five watch each other.
fn ready(model: &Model, epoll: &Description, depth: u32) -> Vec<Wait> {
    let watched = epoll.watches.values().filter_map(|id| model.descriptions.get(id));
    let waits = watched.flat_map(|watched| match watched.kind {
        Kind::Epoll if depth < 5 => ready(model, watched, depth + 1),
        _ => vec![description_to_read(model, watched)],
    });
    waits.collect()
}
