//! Names for a call's numbers.

use super::calls::names_pipe;
use super::label::{group, one};
use crate::call::Argument;
use crate::model::Arguments;
use crate::names;

/// Calls whose numbers have names of their own.
pub(super) fn named_number(name: &str, arguments: &[Argument]) -> Option<Vec<String>> {
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
                Some(36) => Some("F_OFD_GETLK".to_owned()),
                Some(37) => Some("F_OFD_SETLK".to_owned()),
                Some(38) => Some("F_OFD_SETLKW".to_owned()),
                Some(number) => named(1, &FCNTL).or_else(|| Some(number.to_string())),
                None => None,
            };
            let value = match (number(1), number(2)) {
                (Some(2), Some(bits)) => {
                    Some(if bits & 1 != 0 { "FD_CLOEXEC" } else { "0" }.into())
                }
                (Some(4), Some(bits)) => Some(names::flags("pipe2", bits as u64 & !3)),
                (Some(0 | 1030 | 1031), Some(value)) => Some(value.to_string()),
                _ => Arguments(arguments).lock().and_then(|_| one(name, arguments.get(2)?)),
            };
            vec![number(0).map(|fd| fd.to_string()), command, value]
        }
        "flock" => {
            let operation = number(1).unwrap_or_default();
            let kind = ["LOCK_SH", "LOCK_EX", "", "LOCK_UN"]
                .get((operation & !4).trailing_zeros() as usize);
            let kind = kind.filter(|kind| !kind.is_empty())?;
            let wait = if operation & 4 == 0 { "" } else { "|LOCK_NB" };
            vec![number(0).map(|fd| fd.to_string()), Some(format!("{kind}{wait}"))]
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
                Some(Argument::Group(leader)) => group(*leader),
                _ => "own group".into(),
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
            let names = [
                (0, "FUTEX_WAIT"),
                (1, "FUTEX_WAKE"),
                (3, "FUTEX_REQUEUE"),
                (4, "FUTEX_CMP_REQUEUE"),
                (5, "FUTEX_WAKE_OP"),
                (6, "FUTEX_LOCK_PI"),
                (7, "FUTEX_UNLOCK_PI"),
                (8, "FUTEX_TRYLOCK_PI"),
                (9, "FUTEX_WAIT"),
                (10, "FUTEX_WAKE"),
                (11, "FUTEX_WAIT_REQUEUE_PI"),
                (12, "FUTEX_CMP_REQUEUE_PI"),
                (13, "FUTEX_LOCK_PI2"),
            ];
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
                (Some(1), Some(20)) => "SO_RCVTIMEO",
                (Some(1), Some(21)) => "SO_SNDTIMEO",
                (Some(1), Some(30)) => "SO_ACCEPTCONN",
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
            // Some have their highest bit set.
            let asked = match number(1).map(|number| number as u32) {
                Some(0x5401 | 0x802c_542a) => "TCGETS",
                Some(0x5402 | 0x402c_542b) => "TCSETS",
                Some(0x5403 | 0x402c_542c) => "TCSETSW",
                Some(0x5404 | 0x402c_542d) => "TCSETSF",
                Some(0x540e) => "TIOCSCTTY",
                Some(0x540f) => "TIOCGPGRP",
                Some(0x5410) => "TIOCSPGRP",
                Some(0x5413) => "TIOCGWINSZ",
                Some(0x5414) => "TIOCSWINSZ",
                Some(0x541b) => "FIONREAD",
                Some(0x5421) => "FIONBIO",
                Some(0x5422) => "TIOCNOTTY",
                Some(0x5429) => "TIOCGSID",
                Some(0x5441) => "TIOCGPTPEER",
                Some(0x8004_5430) => "TIOCGPTN",
                Some(0x4004_5431) => "TIOCSPTLCK",
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
        "setitimer" => {
            let names = ["ITIMER_REAL", "ITIMER_VIRTUAL", "ITIMER_PROF"];
            vec![Some(named(0, &names)?)]
        }
        "lseek" => {
            let from = named(2, &["SEEK_SET", "SEEK_CUR", "SEEK_END", "SEEK_DATA", "SEEK_HOLE"]);
            let plain = |index| number(index).map(|number| number.to_string());
            vec![plain(0), plain(1), from.or_else(|| plain(2))]
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
