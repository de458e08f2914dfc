//! A call as one writes it in a program: `write(4, "hello\n")`.

use super::calls::names_pipe;
use crate::call::Argument;
use crate::event::{Disposition, Outcome, Task};
use crate::model::Arguments;
use crate::names;

/// The current folder, where a descriptor of a folder is asked for.
const AT_FDCWD: i32 = -100;

/// A call with its arguments, without those that say nothing to a reader. Not `whole`: with its
/// descriptor alone, if it has one: `read(3)`.
#[must_use]
pub fn call_words(name: &str, arguments: &[Argument], whole: bool) -> String {
    // These have no descriptor, and say nothing without what they ask for.
    let asks = matches!(name, "wait4" | "waitid" | "poll" | "ppoll" | "select" | "pselect6");
    let said = if whole || asks { whole_call(name, arguments) } else { first(name, arguments) };
    format!("{name}({})", said.join(", "))
}

/// What came of it: ` = 6`, ` = P2`, ` fails: EAGAIN`.
#[must_use]
pub fn result_words(name: &str, result: &Outcome) -> String {
    const SILENT: [&str; 16] = [
        "close",
        "bind",
        "listen",
        "connect",
        "mknodat",
        "pipe",
        "pipe2",
        "socketpair",
        "rt_sigaction",
        "rt_sigprocmask",
        "kill",
        "tgkill",
        "nanosleep",
        "clock_nanosleep",
        "dup2",
        "dup3",
    ];
    match result {
        Outcome::Value(0) if matches!(name, "read" | "recvfrom" | "readv") => {
            " = 0, the end".into()
        }
        Outcome::Value(_) if SILENT.contains(&name) => String::new(),
        Outcome::Value(value) => match (name, i32::try_from(*value)) {
            ("rt_sigtimedwait", Ok(signal)) => format!(" = {}", names::signal(signal)),
            _ => format!(" = {value}"),
        },
        Outcome::Task(Task(0)) => " = somebody outside".into(),
        Outcome::Task(task) => format!(" = {task}"),
        Outcome::Error(error) => format!(" fails: {error}"),
        Outcome::Interrupted => " is interrupted".into(),
    }
}

fn first(name: &str, arguments: &[Argument]) -> Vec<String> {
    let folder = Argument::Descriptor(AT_FDCWD);
    let first = arguments.iter().find(|argument| **argument != folder).filter(|argument| {
        matches!(
            argument,
            Argument::Descriptor(_) | Argument::Task(_) | Argument::Path(_) | Argument::Fifo(_)
        )
    });
    first.and_then(|argument| one(name, argument)).into_iter().collect()
}

fn whole_call(name: &str, arguments: &[Argument]) -> Vec<String> {
    let number = |index| Arguments(arguments).number(index);
    let mut said: Vec<Option<String>> =
        arguments.iter().map(|argument| one(name, argument)).collect();
    let mut hide = |index: usize| {
        if let Some(argument) = said.get_mut(index) {
            *argument = None;
        }
    };
    match name {
        // How many bytes, pieces or descriptors: the bytes themselves say so.
        "sendto" => {
            hide(2);
            hide(5);
        }
        "write" | "pwrite64" | "writev" | "readv" | "poll" | "bind" | "connect" => {
            (2..arguments.len()).for_each(&mut hide);
            if name == "poll" || name == "bind" || name == "connect" {
                hide(if name == "poll" { 1 } else { 2 });
            }
        }
        "read" | "recvfrom" => {
            if Arguments(arguments).count().is_none() {
                hide(1);
            } else {
                hide(2);
            }
            (3..arguments.len()).for_each(&mut hide);
        }
        "select" | "pselect6" | "rt_sigprocmask" | "fcntl" | "signalfd4" => hide(0),
        "openat" if Arguments(arguments).flags(2) & 0o100 == 0 => hide(3),
        "open" | "openat" => {
            let mode = arguments.len() - 1;
            if let (Some(number), Some(said)) = (number(mode), said.last_mut()) {
                *said = Some(format!("{number:#05o}").replace("0o", "0"));
            }
        }
        "ppoll" | "clone" => hide(1),
        _ => {}
    }
    if let Some(first) = named_number(name, arguments) {
        return first;
    }
    said.into_iter().flatten().collect()
}

/// Calls whose numbers have names of their own.
fn named_number(name: &str, arguments: &[Argument]) -> Option<Vec<String>> {
    let number = |index| Arguments(arguments).number(index);
    let named = |index, names: &[&str]| {
        let place = number(index).and_then(|number| usize::try_from(number).ok());
        place.and_then(|place| names.get(place)).map(|name| (*name).to_owned())
    };
    let said = match name {
        "rt_sigprocmask" => {
            let set = Arguments(arguments).get(1).and_then(|set| one(name, set));
            vec![set.as_ref().and(named(0, &["SIG_BLOCK", "SIG_UNBLOCK", "SIG_SETMASK"])), set]
        }
        "fcntl" => {
            let command = match number(1) {
                Some(1030) => Some("F_DUPFD_CLOEXEC".to_owned()),
                Some(1031) => Some("F_SETPIPE_SZ".to_owned()),
                Some(1032) => Some("F_GETPIPE_SZ".to_owned()),
                Some(number) => named(1, &FCNTL).or_else(|| Some(number.to_string())),
                None => None,
            };
            let value = match (number(1), number(2)) {
                (Some(2), Some(bits)) => {
                    Some(if bits & 1 != 0 { "FD_CLOEXEC" } else { "0" }.into())
                }
                (Some(4), Some(bits)) => Some(names::flags("pipe2", bits as u64 & !3)),
                (Some(0 | 1030 | 1031), Some(value)) => Some(value.to_string()),
                _ => None,
            };
            vec![number(0).map(|fd| fd.to_string()), command, value]
        }
        "epoll_ctl" => {
            let operation = named(1, &["", "EPOLL_CTL_ADD", "EPOLL_CTL_DEL", "EPOLL_CTL_MOD"]);
            let fd = |index| number(index).map(|fd| fd.to_string());
            vec![fd(0), operation, fd(2)]
        }
        "socket" | "socketpair" => {
            let family = match number(0) {
                Some(1) => "AF_UNIX".to_owned(),
                Some(2) => "AF_INET".to_owned(),
                Some(10) => "AF_INET6".to_owned(),
                other => other.unwrap_or_default().to_string(),
            };
            vec![Some(family), Some(names::flags(name, Arguments(arguments).flags(1)))]
        }
        "wait4" => {
            let whom = match arguments.first() {
                Some(Argument::Task(task)) => task.to_string(),
                Some(Argument::Number(-1)) => "any".into(),
                _ => "group".into(),
            };
            let flags = Arguments(arguments).flags(2);
            vec![Some(whom), (flags != 0).then(|| names::flags(name, flags))]
        }
        "waitid" => {
            let whom = match (number(0), arguments.get(1)) {
                (Some(0), _) => "any".to_owned(),
                (_, Some(whom)) => one(name, whom)?,
                _ => return None,
            };
            let flags = Arguments(arguments).flags(3);
            vec![Some(whom), (flags != 0).then(|| names::flags(name, flags))]
        }
        "futex" => {
            // Without FUTEX_PRIVATE_FLAG and FUTEX_CLOCK_REALTIME.
            let names =
                [(0, "FUTEX_WAIT"), (1, "FUTEX_WAKE"), (9, "FUTEX_WAIT"), (10, "FUTEX_WAKE")];
            let operation = number(1)? & 0x7f;
            vec![names.iter().find(|(it, _)| *it == operation).map(|(_, name)| (*name).to_owned())]
        }
        "setsockopt" | "getsockopt" => {
            let option = match (number(1), number(2)) {
                (Some(1), Some(2)) => "SO_REUSEADDR",
                (Some(1), Some(4)) => "SO_ERROR",
                (Some(1), Some(7)) => "SO_SNDBUF",
                (Some(1), Some(8)) => "SO_RCVBUF",
                (Some(1), Some(9)) => "SO_KEEPALIVE",
                (Some(1), Some(15)) => "SO_REUSEPORT",
                (Some(6), Some(1)) => "TCP_NODELAY",
                _ => return None,
            };
            vec![number(0).map(|fd| fd.to_string()), Some(option.into())]
        }
        "mknodat" => {
            let path = Arguments(arguments).get(1).and_then(|path| one(name, path));
            let kind = names_pipe(Arguments(arguments)).then(|| "S_IFIFO".to_owned());
            vec![path, kind.or_else(|| number(2).map(|mode| format!("{mode:#o}")))]
        }
        "ioctl" => {
            let asked = match number(1) {
                Some(0x5401) => "TCGETS",
                Some(0x540f) => "TIOCGPGRP",
                Some(0x5410) => "TIOCSPGRP",
                Some(0x5413) => "TIOCGWINSZ",
                Some(0x541b) => "FIONREAD",
                _ => return None,
            };
            vec![number(0).map(|fd| fd.to_string()), Some(asked.into())]
        }
        "prctl" => {
            let asked = match number(0) {
                Some(1) => "PR_SET_PDEATHSIG",
                Some(36) => "PR_SET_CHILD_SUBREAPER",
                _ => return None,
            };
            vec![Some(asked.into())]
        }
        "shutdown" => {
            vec![number(0).map(|fd| fd.to_string()), named(1, &["SHUT_RD", "SHUT_WR", "SHUT_RDWR"])]
        }
        _ => return None,
    };
    Some(said.into_iter().flatten().collect())
}

const FCNTL: [&str; 8] =
    ["F_DUPFD", "F_GETFD", "F_SETFD", "F_GETFL", "F_SETFL", "F_GETLK", "F_SETLK", "F_SETLKW"];

/// One argument; `None`: it says nothing.
fn one(call: &str, argument: &Argument) -> Option<String> {
    Some(match argument {
        Argument::Descriptor(AT_FDCWD) | Argument::Null | Argument::Out | Argument::Opaque => {
            return None;
        }
        Argument::Number(number) => number.to_string(),
        Argument::Descriptor(fd) => fd.to_string(),
        Argument::Descriptors(pair) | Argument::Passed(pair) => numbers(pair),
        Argument::Flags(0) => return None,
        Argument::Flags(bits) => names::flags(call, *bits),
        Argument::Path(path) | Argument::Fifo(path) => quoted(path, path.len() as u64),
        Argument::Strings(strings) => {
            let strings: Vec<String> =
                strings.iter().map(|text| quoted(text, text.len() as u64)).collect();
            format!("[{}]", strings.join(", "))
        }
        Argument::Bytes(text, total) => quoted(text, *total),
        Argument::Count(count) => count.to_string(),
        Argument::Task(task) => task.to_string(),
        Argument::Signal(signal) => names::signal(*signal),
        Argument::Signals(signals) => match names::signals(signals) {
            most if most.starts_with("all") => most,
            some => format!("[{some}]"),
        },
        Argument::Action(Disposition::Default, ..) => "SIG_DFL".into(),
        Argument::Action(Disposition::Ignore, ..) => "SIG_IGN".into(),
        Argument::Action(Disposition::Handler, true, _) => "a handler, SA_RESTART".into(),
        Argument::Action(Disposition::Handler, false, _) => "a handler".into(),
        Argument::Set(set) => numbers(set),
        Argument::Polled(polled) => numbers(&polled.iter().map(|(fd, ..)| *fd).collect::<Vec<_>>()),
        Argument::Status(status) => super::status_words(*status),
        Argument::Time(time) => names::time(*time),
        Argument::Address(address) => address.clone(),
    })
}

fn numbers(numbers: &[i32]) -> String {
    let numbers: Vec<String> = numbers.iter().map(ToString::to_string).collect();
    format!("[{}]", numbers.join(", "))
}

/// The longest text that is shown whole.
const SHOWN: usize = 48;

/// The shortest text that may have been cut off by the recorder. A pid in it is written down as a
/// task, so a text that is whole may be shorter than it was.
const CUT: usize = 90;

/// A text as one writes it in a program, and `…` where there is more of it.
pub(crate) fn quoted(text: &str, total: u64) -> String {
    let same = text.chars().next().is_some_and(|first| text.chars().all(|char| char == first));
    shown(text, total, if same { SHOWN / 4 } else { SHOWN })
}

/// What a program prints, a line mostly: all that the recorder has of it, and not how it ends.
pub(crate) fn line(text: &str, total: u64) -> String {
    let whole = text.len() < CUT || text.len() as u64 == total;
    match text.strip_suffix('\n').filter(|line| whole && !line.is_empty()) {
        Some(line) => shown(line, line.len() as u64, usize::MAX),
        None => shown(text, total, usize::MAX),
    }
}

fn shown(text: &str, total: u64, most: usize) -> String {
    let shown: String = text.chars().take(most).collect();
    let cut = shown.len() < text.len() || text.len() >= CUT && (text.len() as u64) < total;
    let more = if cut || text.is_empty() && total > 0 { "…" } else { "" };
    let escaped: String = shown
        .chars()
        .map(|char| match char {
            '\'' => "'".to_owned(),
            char if char.is_ascii() => char.escape_default().to_string(),
            char => char.to_string(),
        })
        .collect();
    format!("\"{escaped}\"{more}")
}
