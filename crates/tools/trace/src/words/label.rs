//! A call as one writes it in a program: `write(4, "hello\n")`.

use super::numbers::named_number;
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
    let asks =
        matches!(name, "wait4" | "waitid" | "poll" | "ppoll" | "select" | "pselect6" | "futex");
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
        "select" | "pselect6" | "rt_sigprocmask" | "fcntl" | "signalfd4" | "signalfd" => hide(0),
        "openat" if Arguments(arguments).flags(2) & 0o100 == 0 => hide(3),
        "mq_open" if Arguments(arguments).flags(1) & 0o100 == 0 => hide(2),
        "mq_timedsend" | "mq_timedreceive" => hide(2),
        "open" | "openat" | "mq_open" => {
            let mode = if name == "openat" { 3 } else { 2 };
            if let (Some(number), Some(said)) = (number(mode), said.get_mut(mode)) {
                *said = Some(format!("{number:#05o}").replace("0o", "0"));
            }
        }
        "sendmmsg" => hide(2),
        "recvmmsg" => {
            hide(2);
            hide(4);
        }
        "ppoll" | "clone" => hide(1),
        // How many things it could tell of at once, and how long it waits at most.
        "epoll_wait" | "epoll_pwait" | "epoll_pwait2" => {
            hide(2);
            hide(3);
        }
        _ => {}
    }
    if let Some(first) = named_number(name, arguments) {
        return first;
    }
    said.into_iter().flatten().collect()
}

/// One argument; `None`: it says nothing.
pub(super) fn one(call: &str, argument: &Argument) -> Option<String> {
    Some(match argument {
        Argument::Descriptor(AT_FDCWD)
        | Argument::Null
        | Argument::Out
        | Argument::Messages(_)
        | Argument::Opaque => return None,
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
        Argument::Task(task) | Argument::Holder(task) => task.to_string(),
        Argument::Group(leader) => group(*leader),
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
        Argument::Lock(exclusive, from, to) => locked(*exclusive, *from, *to),
    })
}

/// A process group, by its leader's name.
pub(super) fn group(leader: Task) -> String {
    if leader == Task::OUTSIDE { "a group outside".into() } else { format!("{leader}'s group") }
}

/// `F_WRLCK`, `F_RDLCK 0..10`.
fn locked(exclusive: Option<bool>, from: i64, to: i64) -> String {
    let kind = match exclusive {
        Some(true) => "F_WRLCK",
        Some(false) => "F_RDLCK",
        None => "F_UNLCK",
    };
    match (from, to) {
        (0, i64::MAX) => kind.into(),
        (from, i64::MAX) => format!("{kind} {from}.."),
        (from, to) => format!("{kind} {from}..{to}"),
    }
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
            '\0' => "\\0".to_owned(),
            char if char.is_ascii() => char.escape_default().to_string(),
            char => char.to_string(),
        })
        .collect();
    format!("\"{escaped}\"{more}")
}
