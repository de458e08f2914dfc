//! One name for one deed, whatever the machine's C library makes of it.

use trace::call::Argument;

/// Whether this machine lacks the older calls: `fork`, `pipe`, `dup2`, `select`, `poll`.
pub(crate) const NEWER_ONLY: bool = cfg!(not(target_arch = "x86_64"));

/// The flags of fork and its kin, if this call is one; `peek` reads a number from memory.
pub(crate) fn clone_flags(
    name: &str,
    args: &[u64; 6],
    peek: impl FnOnce(u64) -> Option<u64>,
) -> Option<u64> {
    match name {
        "fork" => Some(0),
        "vfork" => Some((libc::CLONE_VFORK | libc::CLONE_VM) as u64),
        "clone" => Some(args[0]),
        "clone3" => Some(peek(args[0]).unwrap_or_default()),
        _ => None,
    }
}

/// The name of a call that makes a task.
pub(crate) fn maker(flags: u64) -> &'static str {
    if flags & libc::CLONE_VFORK as u64 != 0 {
        "vfork"
    } else if flags & (libc::CLONE_VM | libc::CLONE_THREAD) as u64 == 0 {
        "fork"
    } else {
        "clone"
    }
}

/// The name of any other call, and its arguments, changed to go with the name.
pub(crate) fn call(
    name: &'static str,
    args: &[u64; 6],
    arguments: &mut Vec<Argument>,
    newer_only: bool,
    peek: impl FnOnce(u64) -> Option<u64>,
) -> &'static str {
    let (name, count) = match name {
        // Its last argument points to a pointer to a set of signals: that one is null in `select`.
        "pselect6" if args[5] == 0 || peek(args[5]) == Some(0) => ("select", 5),
        "ppoll" if newer_only && args[..4] == [0; 4] => ("pause", 0),
        "ppoll" if newer_only && args[3] == 0 => {
            if let Some(time) = arguments.get_mut(2) {
                *time = milliseconds(time);
            }
            ("poll", 3)
        }
        "pipe2" if newer_only && args[1] == 0 => ("pipe", 1),
        "unlinkat" if newer_only && args[0] as i32 == libc::AT_FDCWD && args[2] == 0 => {
            arguments.remove(0);
            ("unlink", 1)
        }
        "dup3" if newer_only && args[2] == 0 => ("dup2", 2),
        "epoll_pwait" if newer_only && args[4] == 0 => ("epoll_wait", 4),
        _ => return name,
    };
    arguments.truncate(count);
    name
}

/// A time as `poll` has it, where no time is -1.
fn milliseconds(time: &Argument) -> Argument {
    match time {
        Argument::Time(time) => Argument::Number((time / 1_000_000) as i64),
        _ => Argument::Number(-1),
    }
}

/// Makes arguments nothing of which depends on what a register happens to hold.
pub(crate) fn tidy(name: &str, args: &[u64; 6], arguments: &mut [Argument]) {
    let unused = |argument: Option<&mut Argument>| {
        if let Some(argument) = argument {
            *argument = Argument::Opaque;
        }
    };
    const CREATES: u64 = (libc::O_CREAT | libc::O_TMPFILE & !libc::O_DIRECTORY) as u64;
    match name {
        "open" if args[1] & CREATES == 0 => unused(arguments.get_mut(2)),
        "openat" if args[2] & CREATES == 0 => unused(arguments.get_mut(3)),
        "fcntl" if !takes_a_number(args[1] as i32) => unused(arguments.get_mut(2)),
        "close_range" => {
            for (argument, value) in arguments.iter_mut().zip(&args[..2]) {
                *argument = Argument::Number(i64::from(*value as u32));
            }
        }
        _ => (),
    }
}

fn takes_a_number(command: libc::c_int) -> bool {
    matches!(
        command,
        libc::F_DUPFD
            | libc::F_DUPFD_CLOEXEC
            | libc::F_SETFD
            | libc::F_SETFL
            | libc::F_SETPIPE_SZ
            | libc::F_SETLEASE
            | libc::F_NOTIFY
            | libc::F_ADD_SEALS
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a newer machine's call is told as, with how many arguments.
    fn told(name: &'static str, args: [u64; 6], count: usize) -> (&'static str, usize) {
        let mut arguments = vec![Argument::Opaque; count];
        let name = call(name, &args, &mut arguments, true, |_| Some(0));
        (name, arguments.len())
    }

    #[test]
    fn what_a_newer_machine_lacks_has_the_older_name() {
        let here = libc::AT_FDCWD as u64;
        assert_eq!(told("pselect6", [1; 6], 6), ("select", 5));
        assert_eq!(told("ppoll", [1, 1, 0, 0, 0, 0], 4), ("poll", 3));
        assert_eq!(told("ppoll", [0; 6], 4), ("pause", 0));
        assert_eq!(told("pipe2", [1, 0, 0, 0, 0, 0], 2), ("pipe", 1));
        assert_eq!(told("dup3", [3, 4, 0, 0, 0, 0], 3), ("dup2", 2));
        assert_eq!(told("epoll_pwait", [3, 1, 1, 0, 0, 0], 5), ("epoll_wait", 4));
        assert_eq!(told("unlinkat", [here, 1, 0, 0, 0, 0], 3), ("unlink", 1));
    }

    #[test]
    fn what_the_older_call_cannot_say_keeps_its_name() {
        let cloexec = libc::O_CLOEXEC as u64;
        assert_eq!(told("pipe2", [1, cloexec, 0, 0, 0, 0], 2), ("pipe2", 2));
        assert_eq!(told("dup3", [3, 4, cloexec, 0, 0, 0], 3), ("dup3", 3));
        assert_eq!(told("ppoll", [1, 1, 0, 1, 0, 0], 4), ("ppoll", 4));
        assert_eq!(told("epoll_pwait", [3, 1, 1, 0, 1, 0], 5), ("epoll_pwait", 5));
        assert_eq!(told("unlinkat", [3, 1, 0, 0, 0, 0], 3), ("unlinkat", 3));
    }

    #[test]
    fn whoever_is_made_is_named_by_the_flags_on_all_machines() {
        let flags =
            |name, first: i32| clone_flags(name, &[first as u64, 0, 0, 0, 0, 0], |_| Some(0));
        let made = |name, first| flags(name, first).map(maker);
        assert_eq!(made("fork", 0), Some("fork"));
        assert_eq!(made("clone", libc::SIGCHLD), Some("fork"));
        assert_eq!(made("clone3", 1), Some("fork"));
        assert_eq!(made("vfork", 0), Some("vfork"));
        assert_eq!(made("clone", libc::CLONE_VFORK | libc::CLONE_VM), Some("vfork"));
        assert_eq!(made("clone", libc::CLONE_VM | libc::CLONE_THREAD), Some("clone"));
        assert_eq!(made("openat", 0), None);
    }

    #[test]
    fn a_time_that_poll_has_in_milliseconds_is_told_so() {
        let mut arguments = vec![
            Argument::Opaque,
            Argument::Number(1),
            Argument::Time(2_500_000_000),
            Argument::Null,
        ];
        assert_eq!(call("ppoll", &[1, 1, 1, 0, 0, 0], &mut arguments, true, |_| None), "poll");
        assert_eq!(arguments[2], Argument::Number(2500));
    }
}
