//! What a call has done, in a sentence.

use super::label::{call_words, quoted, result_words};
use super::signals::{action, mask, sent, sent_to_many};
use super::{ready, status_words};
use crate::call::Argument;
use crate::event::{Outcome, Task};
use crate::model::{Arguments, Change, Kind, Model, Place};
use crate::names::{SIGCONT, bytes, signal, signals};

/// A call that has returned a number.
pub(super) fn done(
    model: &Model,
    task: Task,
    (name, arguments): (&str, &[Argument]),
    value: i64,
    changes: &[Change],
) -> String {
    let said = Arguments(arguments);
    let fd = said.fd(0);
    let what = |fd: i64| {
        let name = i32::try_from(fd).ok().and_then(|fd| model.name_of(task, fd));
        name.unwrap_or_else(|| "what was not recorded".into())
    };
    if let Some(moved) = moved(task, said, changes) {
        return moved;
    }
    let plain = || {
        let result = result_words(name, &Outcome::Value(value));
        format!("{task} calls {}{result}", call_words(name, arguments, true))
    };
    match (name, fd) {
        ("read" | "readv" | "pread64" | "recvfrom" | "recvmsg", Some(fd)) => {
            format!("{task} reads {} from {}", bytes(value as u64), what(fd.into()))
        }
        ("write" | "writev" | "pwrite64" | "sendto" | "sendmsg", Some(fd)) => {
            let text = said
                .bytes()
                .map_or_else(String::new, |(text, total)| format!(": {}", quoted(text, total)));
            format!("{task} writes {} to {}{text}", bytes(value as u64), what(fd.into()))
        }
        ("pipe" | "pipe2", _) => made_pipe(model, task, said),
        ("close", Some(fd)) => match changes.first() {
            Some(Change::Closed(_, kind)) => {
                format!("{task} closes fd {fd}, {}{}", model.name(kind), last(model, kind))
            }
            _ => format!("{task} closes fd {fd}"),
        },
        ("dup" | "dup2" | "dup3", Some(fd)) => {
            format!("{task} makes fd {value} a copy of fd {fd}, {}", what(value))
        }
        ("open" | "openat" | "openat2" | "creat", _) => {
            format!("{task} opens {} as fd {value}", what(value))
        }
        ("socket", _) => format!("{task} makes {}: fd {value}", what(value)),
        ("accept" | "accept4", Some(listener)) => {
            let peer = i32::try_from(value).ok().and_then(|fd| model.socket(task, fd));
            let peer = peer.and_then(|number| model.sockets.get(&number)?.peer);
            let from =
                peer.map_or_else(|| " from outside".into(), |peer| format!(" from socket {peer}"));
            format!("{task} accepts a connection{from} at fd {listener}: fd {value}")
        }
        ("bind", Some(fd)) => {
            format!(
                "{task} binds {} to {}",
                what(fd.into()),
                said.address().unwrap_or("an address")
            )
        }
        ("listen", Some(fd)) => format!("{task} listens on {}", what(fd.into())),
        ("connect", Some(fd)) => {
            format!(
                "{task} connects {} to {}",
                what(fd.into()),
                said.address().unwrap_or("an address")
            )
        }
        ("wait4", _) if value == 0 => {
            format!("{task} asks for a child that has ended, and none has")
        }
        ("waitid", _) => waited(model, task, said),
        ("rt_sigpending", _) => match said.signals() {
            Some([]) => format!("{task} asks which signals wait outside: none"),
            Some(set) => format!("{task} asks which signals wait outside: {}", signals(set)),
            None => plain(),
        },
        ("rt_sigtimedwait", _) => match i32::try_from(value) {
            Ok(number) => format!("{task} takes {}, which it had waited for", signal(number)),
            Err(_) => plain(),
        },
        ("kill" | "tkill", _) => sent(task, said.task(0), said.signal(1))
            .or_else(|| sent_to_many(task, said))
            .unwrap_or_else(plain),
        ("pidfd_send_signal", Some(fd)) => match model.kind(task, fd) {
            Some(Kind::PidFd(to)) => sent(task, *to, said.signal(1)).unwrap_or_else(plain),
            _ => plain(),
        },
        ("tgkill", _) => sent(task, said.task(1), said.signal(2)).unwrap_or_else(plain),
        ("rt_sigaction", _) => action(task, said).unwrap_or_else(plain),
        ("rt_sigprocmask", _) => mask(task, arguments).unwrap_or_else(plain),
        ("setitimer", _) => format!("{task} sets its own alarm"),
        ("epoll_ctl", _) => ready::watches(task, said, what).unwrap_or_else(plain),
        ("alarm", _) => match said.number(0) {
            Some(0) => format!("{task} wants no SIGALRM any more"),
            Some(seconds) => format!("{task} asks for SIGALRM in {seconds} s"),
            None => plain(),
        },
        ("socketpair", _) => {
            let [one, other] = [said.pair().map(|pair| pair.0), said.pair().map(|pair| pair.1)]
                .map(|fd| fd.map(|fd| format!("fd {fd}, {}", what(fd.into()))));
            match (one, other) {
                (Some(one), Some(other)) => {
                    format!("{task} makes two sockets, each the other's end: {one}, and {other}")
                }
                _ => plain(),
            }
        }
        ("getppid", _) => format!("{task} asks for its parent, which is nobody here"),
        ("unlink" | "unlinkat", _) => match said.path(0).or(said.path(1)) {
            Some(path) => format!("{task} removes {path}"),
            None => plain(),
        },
        ("mknodat", _) if names_pipe(said) => {
            format!("{task} makes a named pipe: {}", said.path(1).unwrap_or("somewhere"))
        }
        ("prctl", _) if said.number(0) == Some(1) => {
            format!("{task} asks for a signal when its parent ends")
        }
        ("prctl", _) if said.number(0) == Some(36) => {
            format!("{task} asks to become the parent of orphans among its descendants")
        }
        ("setsockopt", Some(fd)) => {
            format!(
                "{task} sets an option of {}: {}",
                what(fd.into()),
                call_words(name, arguments, true)
            )
        }
        ("nanosleep" | "clock_nanosleep", _) => format!("{task} has slept long enough"),
        ("select" | "pselect6" | "poll" | "ppoll", _) => ready::ready(task, name, said, value),
        ("epoll_wait" | "epoll_pwait" | "epoll_pwait2", _) => ready::told(task, value),
        _ => plain(),
    }
}

/// A call that has made or found a task.
pub(super) fn told(
    model: &Model,
    task: Task,
    (name, arguments): (&str, &[Argument]),
    other: Task,
) -> String {
    match name {
        "fork" | "vfork" => format!("{task} has forked {other}"),
        "clone" | "clone3" => format!("{task} has made {other}"),
        "wait4" | "waitid" => {
            let status =
                model.processes.get(&model.process_of(other)).and_then(|found| found.status);
            match (status, arguments.get(1)) {
                (_, Some(Argument::Signal(SIGCONT))) => {
                    format!("{task} is told that {other} was continued")
                }
                (_, Some(Argument::Signal(stop))) => {
                    format!("{task} is told that {other} was stopped by {}", signal(*stop))
                }
                (Some(status), _) => {
                    format!("{task} reaps {other}, which ended with {}", status_words(status))
                }
                (None, _) => format!("{task} is told of {other}"),
            }
        }
        "getppid" if other == Task::OUTSIDE => {
            format!("{task} asks for its parent: it is somebody outside of the recording")
        }
        "getppid" => format!("{task} asks for its parent: it is {other}"),
        "getpid" if other == task => format!("{task} asks for its own number"),
        _ => format!("{task} calls {} and gets {other}", call_words(name, arguments, true)),
    }
}

/// What went into a pipe or came out of it.
fn moved(task: Task, said: Arguments<'_>, changes: &[Change]) -> Option<String> {
    let text =
        said.bytes().map_or_else(String::new, |(text, total)| format!(": {}", quoted(text, total)));
    let left = |left: u64| match left {
        0 => String::new(),
        left => format!(" ({} left)", bytes(left)),
    };
    changes.iter().find_map(|change| match change {
        Change::Put(place @ Place::EventFd(_), number, now) => {
            Some(format!("{task} adds {number} to {place}, which is {now} now"))
        }
        Change::Taken(place @ Place::EventFd(_), number, left) => {
            Some(format!("{task} takes {number} from {place}, which is {left} now"))
        }
        Change::Put(place, number, _) => {
            let into = match place {
                Place::Pipe(_) => "into",
                Place::Socket(_) | Place::EventFd(_) => "to",
            };
            let short = said.bytes().filter(|(_, total)| total > number);
            let of = short.map_or_else(String::new, |(_, total)| format!(", of {total}"));
            Some(format!("{task} writes {} {into} {place}{of}{text}", bytes(*number)))
        }
        Change::Taken(place, number, rest) => {
            Some(format!("{task} reads {} from {place}{text}{}", bytes(*number), left(*rest)))
        }
        Change::EndOfFile(place) => {
            Some(format!("{task} reads the end of {place}: nobody is left who could write"))
        }
        _ => None,
    })
}

fn made_pipe(model: &Model, task: Task, said: Arguments<'_>) -> String {
    let Some((read, write)) = said.pair() else { return format!("{task} makes a pipe") };
    let name = match model.kind(task, read) {
        Some(Kind::ReadEnd(number)) => format!("pipe {number}"),
        _ => "a pipe".into(),
    };
    let cloexec = model.slot(task, read).is_some_and(|slot| slot.close_on_exec);
    let rest = if cloexec { ", both close-on-exec" } else { "" };
    format!("{task} makes {name}: fd {read} reads, fd {write} writes{rest}")
}

/// What the last descriptor of an end means to the others.
fn last(model: &Model, kind: &Kind) -> &'static str {
    match kind {
        Kind::WriteEnd(pipe) if model.writers(*pipe) == 0 => "; it was the last write end",
        Kind::ReadEnd(pipe) if model.readers(*pipe) == 0 => "; it was the last read end",
        _ => "",
    }
}

/// `waitid(2)` returns 0 whether there was a child or not, unless it was told to wait for one.
fn waited(model: &Model, task: Task, said: Arguments<'_>) -> String {
    const WNOHANG: u64 = 1;
    const WNOWAIT: u64 = 0x0100_0000;
    let by_fd = || said.fd(1).and_then(|fd| model.kind(task, fd));
    let who = match (said.number(0), said.task(1)) {
        (Some(0), _) => "a child".into(),
        (_, Some(child)) => child.to_string(),
        _ => match by_fd() {
            Some(Kind::PidFd(Some(child))) => child.to_string(),
            _ => "a child".into(),
        },
    };
    match said.flags(3) {
        flags if flags & WNOHANG != 0 => format!("{task} asks whether {who} has ended"),
        flags if flags & WNOWAIT != 0 => {
            format!("{task} is told that {who} has ended, which stays a zombie")
        }
        _ => format!("{task} is told that {who} has ended"),
    }
}

/// Whether a file that is made is a pipe: mkfifo(3).
pub(super) fn names_pipe(said: Arguments<'_>) -> bool {
    said.flags(2) & 0o170_000 == 0o010_000
}
