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
        "ppoll" if newer_only && args[3] == 0 => {
            if let Some(time) = arguments.get_mut(2) {
                *time = milliseconds(time);
            }
            ("poll", 3)
        }
        "pipe2" if newer_only && args[1] == 0 => ("pipe", 1),
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
