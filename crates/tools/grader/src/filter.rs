//! The seccomp filter: calls that reach out of a run, for which the supervisor is asked first (seccomp(2)).
//!
//! A filter of classic BPF sees a call's number and its arguments, nothing behind a pointer. It is written here, before the
//! fork; installing it is one call. Whatever the program forks inherits it, and nobody can take it off.

use libc::{c_long, sock_filter};
use nix::errno::Errno;
use nix::unistd::getpid;
use std::os::fd::RawFd;

/// Which of the calls the supervisor wants to be asked for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted {
    /// Signals to anybody, because nothing else keeps them inside; otherwise only those to everybody and to itself.
    pub(crate) every_signal: bool,
    /// Sockets of the Internet's families.
    pub(crate) sockets: bool,
}

/// When a call is of interest, by an argument's lower half: pids and descriptors are ints.
enum When {
    Always,
    Is(u8, &'static [u32]),
    IsNot(u8, &'static [u32]),
}

const EVERYBODY: u32 = -1i32 as u32;
/// Stands for the program's own pid, which is known when the filter is installed. No pid is as high.
const ITSELF: u32 = i32::MAX as u32;
const SETOWN: [u32; 2] = [libc::F_SETOWN as u32, 15]; // F_SETOWN_EX
/// Sockets that lead nowhere but to processes and to the kernel of this machine.
const LOCAL: [u32; 2] = [libc::AF_UNIX as u32, libc::AF_NETLINK as u32];
#[allow(clippy::unnecessary_cast, reason = "another type in other C libraries")]
const ATTACH: [u32; 2] = [libc::PTRACE_ATTACH as u32, libc::PTRACE_SEIZE as u32];
/// TIOCSTI types at a terminal; the others, FIOSETOWN and SIOCSPGRP, are SETOWN by another way.
const FAR_REACHING: [u32; 3] = [libc::TIOCSTI as u32, 0x8901, 0x8902];
/// The calls whose first argument says who is signalled or touched.
pub(crate) const AIMED: [c_long; 11] = [
    libc::SYS_kill,
    libc::SYS_tkill,
    libc::SYS_tgkill,
    libc::SYS_rt_sigqueueinfo,
    libc::SYS_rt_tgsigqueueinfo,
    libc::SYS_pidfd_open,
    libc::SYS_prlimit64,
    libc::SYS_sched_setaffinity,
    libc::SYS_sched_setattr,
    libc::SYS_sched_setparam,
    libc::SYS_sched_setscheduler,
];
/// Those whose first argument says what their second means: a process, a group, a user.
pub(crate) const AIMED_BY_KIND: [c_long; 2] = [libc::SYS_setpriority, libc::SYS_ioprio_set];
/// Calls that reach out whatever their arguments say, or for which the supervisor has to look further.
const ALWAYS: [c_long; 14] = [
    libc::SYS_process_vm_writev,
    libc::SYS_pidfd_getfd,
    libc::SYS_pidfd_send_signal,
    // By it, calls are made that no filter sees.
    libc::SYS_io_uring_setup,
    // Whoever reads memory that it guards may wait for ever.
    libc::SYS_userfaultfd,
    // These stay when their makers are gone, and take memory that is no process's.
    libc::SYS_shmget,
    libc::SYS_msgget,
    libc::SYS_semget,
    libc::SYS_mq_open,
    // The keys of the user's session are in reach.
    libc::SYS_add_key,
    libc::SYS_keyctl,
    libc::SYS_request_key,
    // Its memory is no process's either, so there may be a few.
    libc::SYS_memfd_create,
    libc::SYS_memfd_secret,
];

#[cfg(target_arch = "x86_64")]
const ARCHITECTURE: Option<u32> = Some(0xc000_003e); // AUDIT_ARCH_X86_64
#[cfg(target_arch = "aarch64")]
const ARCHITECTURE: Option<u32> = Some(0xc000_00b7); // AUDIT_ARCH_AARCH64
#[cfg(target_arch = "riscv64")]
const ARCHITECTURE: Option<u32> = Some(0xc000_00f3); // AUDIT_ARCH_RISCV64
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64", target_arch = "riscv64")))]
const ARCHITECTURE: Option<u32> = None;

/// A filter that asks for these calls and allows all others; `None` on an architecture that this file doesn't know.
pub(crate) fn filter(wanted: Wanted) -> Option<Vec<sock_filter>> {
    let mut code = vec![
        load(4), // seccomp_data.arch
        jump(libc::BPF_JEQ, ARCHITECTURE?, 1, 0),
        // Another architecture's calls have other numbers: none of them.
        answer(libc::SECCOMP_RET_ERRNO | libc::ENOSYS as u32),
        load(0), // seccomp_data.nr
        // A tracer has taken the call away (ptrace(2)): what is put in the place of its result stays.
        jump(libc::BPF_JEQ, u32::MAX, 2, 0),
        jump(libc::BPF_JGE, 0x4000_0000, 0, 1), // x86's x32 calls
        answer(libc::SECCOMP_RET_ERRNO | libc::ENOSYS as u32),
    ];
    for number in AIMED {
        let when = if wanted.every_signal {
            // Who signals itself ten thousand times is not to wait for ten thousand answers. Its pid is nobody else's before the run's end, for
            // until then nobody reaps it.
            When::IsNot(0, &[0, ITSELF])
        } else {
            // The supervisor is pid 1 where pids are the run's own.
            When::Is(0, &[EVERYBODY, 1])
        };
        ask(&mut code, number, &when);
    }
    if wanted.every_signal {
        ask(&mut code, libc::SYS_fcntl, &When::Is(1, &SETOWN));
    }
    if wanted.sockets {
        ask(&mut code, libc::SYS_socket, &When::IsNot(0, &LOCAL));
    }
    ask(&mut code, libc::SYS_ptrace, &When::Is(0, &ATTACH));
    ask(&mut code, libc::SYS_ioctl, &When::Is(1, &FAR_REACHING));
    for number in AIMED_BY_KIND.into_iter().chain(ALWAYS) {
        ask(&mut code, number, &When::Always);
    }
    code.push(answer(libc::SECCOMP_RET_ALLOW));
    Some(code)
}

/// Adds: if the call has this number, allow it or ask for it; else go on with the next.
fn ask(code: &mut Vec<sock_filter>, number: c_long, when: &When) {
    let notify = libc::SECCOMP_RET_USER_NOTIF;
    let (argument, values, found, otherwise) = match *when {
        When::Always => (0, [].as_slice(), notify, notify),
        When::Is(argument, values) => (argument, values, notify, libc::SECCOMP_RET_ALLOW),
        When::IsNot(argument, values) => (argument, values, libc::SECCOMP_RET_ALLOW, notify),
    };
    let count = values.len() as u8;
    code.push(jump(libc::BPF_JEQ, number as u32, 0, count + 3));
    code.push(load(lower_half(argument)));
    for (place, value) in (0u8..).zip(values) {
        // Over the values that are left and over the answer for none of them.
        code.push(jump(libc::BPF_JEQ, *value, count - place, 0));
    }
    code.push(answer(otherwise));
    code.push(answer(found));
}

fn lower_half(argument: u8) -> u32 {
    let start = 16 + 8 * u32::from(argument);
    if cfg!(target_endian = "big") { start + 4 } else { start }
}

fn load(offset: u32) -> sock_filter {
    let code = libc::BPF_LD | libc::BPF_W | libc::BPF_ABS;
    sock_filter { code: code as u16, jt: 0, jf: 0, k: offset }
}

fn jump(condition: u32, value: u32, if_so: u8, if_not: u8) -> sock_filter {
    let code = libc::BPF_JMP | condition | libc::BPF_K;
    sock_filter { code: code as u16, jt: if_so, jf: if_not, k: value }
}

fn answer(value: u32) -> sock_filter {
    sock_filter { code: (libc::BPF_RET | libc::BPF_K) as u16, jt: 0, jf: 0, k: value }
}

/// More steps than any filter has.
const MOST_STEPS: usize = 512;

/// Puts the calling thread under this filter, for good; returns the descriptor on which the questions arrive.
/// Async-signal-safe.
pub(crate) fn install(code: &[sock_filter]) -> nix::Result<RawFd> {
    let (mut steps, own) = ([answer(libc::SECCOMP_RET_ALLOW); MOST_STEPS], getpid().as_raw());
    let steps = steps.get_mut(..code.len()).ok_or(Errno::E2BIG)?;
    for (step, written) in steps.iter_mut().zip(code) {
        *step =
            sock_filter { k: if written.k == ITSELF { own as u32 } else { written.k }, ..*written };
    }
    let program =
        libc::sock_fprog { len: steps.len() as libc::c_ushort, filter: steps.as_mut_ptr() };
    // SAFETY: the program's length is that of its steps, and both live through the call.
    let listener = unsafe {
        libc::syscall(
            libc::SYS_seccomp,
            libc::SECCOMP_SET_MODE_FILTER,
            libc::SECCOMP_FILTER_FLAG_NEW_LISTENER,
            &raw const program,
        )
    };
    Errno::result(listener).map(|fd| fd as RawFd)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the filter answers to a call, computed as the kernel does.
    fn run(code: &[sock_filter], number: c_long, args: [i32; 2]) -> u32 {
        let word = |offset: u32| match offset {
            0 => number as u32,
            4 => ARCHITECTURE.expect("known"),
            16 => args[0] as u32,
            24 => args[1] as u32,
            other => panic!("loads {other}"),
        };
        let (mut at, mut loaded) = (0, 0);
        loop {
            let step = code[at];
            at += 1;
            match u32::from(step.code) {
                code if code & 7 == libc::BPF_LD => loaded = word(step.k),
                code if code & 7 == libc::BPF_RET => return step.k,
                code => {
                    let so = if code & 0xf0 == libc::BPF_JEQ {
                        loaded == step.k
                    } else {
                        loaded >= step.k
                    };
                    at += usize::from(if so { step.jt } else { step.jf });
                }
            }
        }
    }

    #[test]
    fn only_what_reaches_out_is_asked_for() {
        const ASKED: u32 = libc::SECCOMP_RET_USER_NOTIF;
        const ALLOWED: u32 = libc::SECCOMP_RET_ALLOW;
        let Some(own_pids) = filter(Wanted { every_signal: false, sockets: true }) else { return };
        let Some(shared) = filter(Wanted { every_signal: true, sockets: false }) else { return };
        let cases = [
            (libc::SYS_kill, [-1, 9], ASKED, ASKED),
            (libc::SYS_kill, [1, 9], ASKED, ASKED),
            (libc::SYS_kill, [0, 9], ALLOWED, ALLOWED),
            (libc::SYS_kill, [77, 9], ALLOWED, ASKED),
            (libc::SYS_kill, [-77, 9], ALLOWED, ASKED),
            (libc::SYS_tgkill, [77, 77], ALLOWED, ASKED),
            (libc::SYS_tgkill, [ITSELF as i32, 77], ALLOWED, ALLOWED),
            (libc::SYS_prlimit64, [0, 7], ALLOWED, ALLOWED),
            (libc::SYS_fcntl, [3, libc::F_SETOWN], ALLOWED, ASKED),
            (libc::SYS_fcntl, [3, libc::F_GETFL], ALLOWED, ALLOWED),
            (libc::SYS_socket, [libc::AF_INET, 1], ASKED, ALLOWED),
            (libc::SYS_socket, [libc::AF_VSOCK, 1], ASKED, ALLOWED),
            (libc::SYS_socket, [libc::AF_UNIX, 1], ALLOWED, ALLOWED),
            (libc::SYS_sched_setaffinity, [0, 8], ALLOWED, ALLOWED),
            (libc::SYS_sched_setaffinity, [77, 8], ALLOWED, ASKED),
            (libc::SYS_setpriority, [0, 0], ASKED, ASKED),
            (libc::SYS_ioctl, [3, 0x8901], ASKED, ASKED),
            (libc::SYS_memfd_secret, [0, 0], ASKED, ASKED),
            (libc::SYS_ptrace, [libc::PTRACE_TRACEME as i32, 0], ALLOWED, ALLOWED),
            (libc::SYS_ptrace, [libc::PTRACE_SEIZE as i32, 1], ASKED, ASKED),
            (libc::SYS_process_vm_writev, [7, 0], ASKED, ASKED),
            (libc::SYS_read, [0, 0], ALLOWED, ALLOWED),
        ];
        for (number, args, with_own_pids, with_shared) in cases {
            assert_eq!(run(&own_pids, number, args), with_own_pids, "{number} {args:?}");
            assert_eq!(run(&shared, number, args), with_shared, "{number} {args:?}");
        }
    }
}
