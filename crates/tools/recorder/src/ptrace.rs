//! ptrace(2) and waitpid(2), as far as the recorder needs them. All of its unsafe calls to them are here.
//!
//! nix has them too, but knows no real-time signals.

use std::ptr;

use nix::errno::Errno;
use nix::unistd::Pid;
use trace::event::Status;

use crate::look::Set;
use crate::machine::Registers;

/// Why a task has stopped, or that it is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stop {
    /// It has ended and is reaped, as far as the tracer goes.
    Gone(Status),
    /// At the beginning or the end of a system call.
    Call,
    /// It has made another task, by fork, vfork or clone: it waits for that one if `vfork`.
    Made {
        /// Whether it was vfork.
        vfork: bool,
    },
    /// It has just become another program.
    Exec,
    /// It is about to end; all of it is still there.
    Exit,
    /// This signal is about to be delivered.
    Signal(i32),
    /// This signal has stopped the whole process.
    Group(i32),
    /// It is new, or was interrupted by the tracer, or goes on after SIGCONT.
    Trap,
}

/// What a task at [`Stop::Call`] is about to do, or has done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AtCall {
    /// It enters the call with this number and these arguments.
    Enter(u64, [u64; 6]),
    /// The call has returned this.
    Leave(i64),
    /// Neither: the machine doesn't say.
    Unknown,
}

// ANCHOR: options
const OPTIONS: libc::c_int = libc::PTRACE_O_TRACESYSGOOD
    | libc::PTRACE_O_TRACEFORK
    | libc::PTRACE_O_TRACEVFORK
    | libc::PTRACE_O_TRACECLONE
    | libc::PTRACE_O_TRACEEXEC
    | libc::PTRACE_O_TRACEEXIT
    | libc::PTRACE_O_EXITKILL;
// ANCHOR_END: options

/// What follows in a wait status of a stop that PTRACE_SEIZE has brought.
const EVENT_STOP: i32 = 128;

/// `PTRACE_GETSIGMASK` and `PTRACE_SETSIGMASK` of linux/ptrace.h, which the libc crate doesn't have.
const GET_MASK: libc::c_uint = 0x420a;
const SET_MASK: libc::c_uint = 0x420b;

/// One request whose last two arguments are plain numbers, or point to what outlives the call.
fn request(request: libc::c_uint, pid: Pid, address: usize, data: usize) -> nix::Result<i64> {
    // SAFETY: the requests of this file write at most to `data`, and its callers pass there a number, or
    // the address of a variable of theirs that has the size which the request writes, or that tells
    // where one is and how large.
    let result = unsafe { libc::ptrace(request as _, pid.as_raw(), address, data) };
    Errno::result(result)
}

/// Traces a process that goes on running. It, and all that it makes, end with the tracer.
pub(crate) fn seize(pid: Pid) -> nix::Result<()> {
    request(libc::PTRACE_SEIZE as _, pid, 0, OPTIONS as usize).map(drop)
}

/// Lets a stopped task run until its next system call, with a signal if that is not 0.
pub(crate) fn resume(pid: Pid, signal: i32) -> nix::Result<()> {
    request(libc::PTRACE_SYSCALL as _, pid, 0, signal as usize).map(drop)
}

/// Leaves a task stopped by [`Stop::Group`] as it is until SIGCONT comes.
pub(crate) fn listen(pid: Pid) -> nix::Result<()> {
    request(libc::PTRACE_LISTEN as _, pid, 0, 0).map(drop)
}

/// Stops a running task with a [`Stop::Trap`].
pub(crate) fn interrupt(pid: Pid) -> nix::Result<()> {
    request(libc::PTRACE_INTERRUPT as _, pid, 0, 0).map(drop)
}

/// The registers of a stopped task.
pub(crate) fn registers(pid: Pid) -> nix::Result<Registers> {
    // SAFETY: the registers are integers, all of which may be zero.
    let mut registers: Registers = unsafe { std::mem::zeroed() };
    let (base, size) = (&raw mut registers, size_of::<Registers>());
    let mut piece = libc::iovec { iov_base: base.cast(), iov_len: size };
    let general = libc::NT_PRSTATUS as usize;
    request(libc::PTRACE_GETREGSET as _, pid, general, &raw mut piece as usize)?;
    Ok(registers)
}

/// Changes the registers of a stopped task.
pub(crate) fn set_registers(pid: Pid, registers: &Registers) -> nix::Result<()> {
    let (base, size) = (ptr::from_ref(registers).cast_mut(), size_of::<Registers>());
    let piece = libc::iovec { iov_base: base.cast(), iov_len: size };
    let general = libc::NT_PRSTATUS as usize;
    request(libc::PTRACE_SETREGSET as _, pid, general, &raw const piece as usize).map(drop)
}

/// The signals that a stopped task blocks, or will once it has left its call.
pub(crate) fn mask(pid: Pid) -> nix::Result<Set> {
    let mut mask: Set = 0;
    request(GET_MASK, pid, size_of::<Set>(), &raw mut mask as usize)?;
    Ok(mask)
}

/// Lets a stopped task block these signals.
pub(crate) fn set_mask(pid: Pid, mask: Set) -> nix::Result<()> {
    request(SET_MASK, pid, size_of::<Set>(), &raw const mask as usize).map(drop)
}

/// Changes a word in the memory of a stopped task, even where it may not itself.
pub(crate) fn set_word(pid: Pid, address: u64, word: u64) -> nix::Result<()> {
    request(libc::PTRACE_POKEDATA as _, pid, address as usize, word as usize).map(drop)
}

/// Changes the number of the call that a task is about to enter.
#[cfg(target_arch = "aarch64")]
pub(crate) fn set_call(pid: Pid, number: i32) -> nix::Result<()> {
    /// `NT_ARM_SYSTEM_CALL` of linux/elf.h.
    const CALL: usize = 0x404;
    let base = ptr::from_ref(&number).cast_mut().cast();
    let piece = libc::iovec { iov_base: base, iov_len: size_of_val(&number) };
    request(libc::PTRACE_SETREGSET as _, pid, CALL, &raw const piece as usize).map(drop)
}

/// How a task at [`Stop::Exit`] ends.
pub(crate) fn exit_status(pid: Pid) -> nix::Result<Status> {
    let status = raw_message(pid)?;
    Ok(match status & 0x7f {
        0 => Status::Code((status >> 8) as u8),
        signal => Status::Signal(signal),
    })
}

fn raw_message(pid: Pid) -> nix::Result<i32> {
    let mut message: libc::c_ulong = 0;
    request(libc::PTRACE_GETEVENTMSG as _, pid, 0, &raw mut message as usize)?;
    Ok(message as i32)
}

/// Who has sent the signal of a [`Stop::Signal`]; `None`: the kernel.
pub(crate) fn sender(pid: Pid) -> nix::Result<Option<Pid>> {
    // SAFETY: a siginfo_t is integers and pointers, all of which may be zero.
    let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
    request(libc::PTRACE_GETSIGINFO as _, pid, 0, &raw mut info as usize)?;
    if info.si_code > 0 {
        return Ok(None);
    }
    // SAFETY: with a code of 0 or less, the sender is a process, and the kernel has filled in its id.
    Ok(Some(Pid::from_raw(unsafe { info.si_pid() })))
}

/// What the SIGCHLD of a [`Stop::Signal`] says: what has happened, to whom, and its status; `None`: it was
/// sent by a process.
pub(crate) fn tells_of_child(pid: Pid) -> nix::Result<Option<(i32, Pid, i32)>> {
    // SAFETY: a siginfo_t is integers and pointers, all of which may be zero.
    let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
    request(libc::PTRACE_GETSIGINFO as _, pid, 0, &raw mut info as usize)?;
    if info.si_signo != libc::SIGCHLD || info.si_code <= 0 {
        return Ok(None);
    }
    // SAFETY: from the kernel, a SIGCHLD has these fields.
    let (child, status) = unsafe { (info.si_pid(), info.si_status()) };
    Ok(Some((info.si_code, Pid::from_raw(child), status)))
}

/// The signal that a task has taken and is stopped with; `None`: it is not at a [`Stop::Signal`].
pub(crate) fn about_to_deliver(pid: Pid) -> Option<i32> {
    // SAFETY: a siginfo_t is integers and pointers, all of which may be zero.
    let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
    request(libc::PTRACE_GETSIGINFO as _, pid, 0, &raw mut info as usize).ok()?;
    // The tracer's own stops say SIGTRAP, and with which event.
    let own = info.si_signo == libc::SIGTRAP && info.si_code & 0x7f == libc::SIGTRAP;
    ((1..=64).contains(&info.si_signo) && !own).then_some(info.si_signo)
}

/// Whom a task at a [`Stop::Made`] has made; `None`: it stands there no longer, or another one has its id now, which
/// has called exec.
pub(crate) fn has_made(pid: Pid) -> Option<Pid> {
    use libc::{PTRACE_EVENT_CLONE, PTRACE_EVENT_FORK, PTRACE_EVENT_VFORK};
    message_of(pid, &[PTRACE_EVENT_FORK, PTRACE_EVENT_VFORK, PTRACE_EVENT_CLONE])
}

/// The id that a task at a [`Stop::Exec`] had before; `None`: it stands there no longer.
pub(crate) fn former_id(pid: Pid) -> Option<Pid> {
    message_of(pid, &[libc::PTRACE_EVENT_EXEC])
}

/// The message of a stop with one of these events. SIGKILL may have taken the task on to its [`Stop::Exit`], whose message is
/// another number.
fn message_of(pid: Pid, events: &[i32]) -> Option<Pid> {
    let message = raw_message(pid).ok()?;
    // SAFETY: a siginfo_t is integers and pointers, all of which may be zero.
    let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
    // Nobody comes back to a stop: if it stands there now, it stood there when it was asked.
    request(libc::PTRACE_GETSIGINFO as _, pid, 0, &raw mut info as usize).ok()?;
    let stands = events.iter().any(|event| info.si_code == libc::SIGTRAP | event << 8);
    stands.then_some(Pid::from_raw(message))
}

/// What a task at [`Stop::Call`] does there.
pub(crate) fn at_call(pid: Pid) -> nix::Result<AtCall> {
    // SAFETY: a ptrace_syscall_info is integers, all of which may be zero.
    let mut info: libc::ptrace_syscall_info = unsafe { std::mem::zeroed() };
    let size = size_of_val(&info);
    request(libc::PTRACE_GET_SYSCALL_INFO as _, pid, size, &raw mut info as usize)?;
    Ok(match info.op {
        libc::PTRACE_SYSCALL_INFO_ENTRY => {
            // SAFETY: `op` says that this is the field which the kernel has filled in.
            let entry = unsafe { info.u.entry };
            AtCall::Enter(entry.nr, entry.args)
        }
        // SAFETY: as above.
        libc::PTRACE_SYSCALL_INFO_EXIT => AtCall::Leave(unsafe { info.u.exit }.sval),
        _ => AtCall::Unknown,
    })
}

/// The next stop of any task that this thread traces, or of this one; `None` when there is none right now.
///
/// # Errors
/// `ECHILD`: nothing is left to wait for.
pub(crate) fn next(pid: Option<Pid>, wait: bool) -> nix::Result<Option<(Pid, Stop)>> {
    let whom = pid.map_or(-1, Pid::as_raw);
    let options = libc::__WALL | libc::__WNOTHREAD | if wait { 0 } else { libc::WNOHANG };
    let mut status = 0;
    loop {
        // SAFETY: the status is a variable of ours.
        match Errno::result(unsafe { libc::waitpid(whom, ptr::from_mut(&mut status), options) }) {
            Ok(0) => return Ok(None),
            Ok(pid) => return Ok(Some((Pid::from_raw(pid), stop(status)))),
            Err(Errno::EINTR) => (),
            Err(error) => return Err(error),
        }
    }
}

/// What a wait status means. Signals stay numbers: there are more of them than have names.
pub(crate) fn stop(status: i32) -> Stop {
    if libc::WIFEXITED(status) {
        return Stop::Gone(Status::Code(libc::WEXITSTATUS(status) as u8));
    }
    if libc::WIFSIGNALED(status) {
        return Stop::Gone(Status::Signal(libc::WTERMSIG(status)));
    }
    let signal = libc::WSTOPSIG(status);
    match status >> 16 {
        0 if signal == libc::SIGTRAP | 0x80 => Stop::Call,
        0 => Stop::Signal(signal),
        libc::PTRACE_EVENT_FORK | libc::PTRACE_EVENT_CLONE => Stop::Made { vfork: false },
        libc::PTRACE_EVENT_VFORK => Stop::Made { vfork: true },
        libc::PTRACE_EVENT_EXEC => Stop::Exec,
        libc::PTRACE_EVENT_EXIT => Stop::Exit,
        EVENT_STOP if signal != libc::SIGTRAP => Stop::Group(signal),
        _ => Stop::Trap,
    }
}
