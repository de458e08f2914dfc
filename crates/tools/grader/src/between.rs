//! A signal between any two instructions of a program: what must not be done in a handler shows where it does harm.

use crate::proc::call_of;
use crate::runs::Runs;
use crate::{Call, Running, verdict::fault};
use nix::errno::Errno;
use nix::sys::ptrace;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use std::sync::mpsc;
use std::thread;

/// More instructions than there are between two calls of a program that does one thing.
const MOST: u32 = 20_000;
/// So many calls of a handler are more than it may make: it is not waited for.
const IN_A_HANDLER: u32 = 1000;

/// What came of signals between instructions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Between {
    /// The handler has run so many times, and was through with it each time; or the last time it took so long that it was not waited for.
    Through(u32),
    /// After so many times, it was about to wait for a lock, which nobody can give back as long as it runs; or it went on and on, which it had not
    /// done before.
    Locks(u32),
    /// This machine doesn't let the test trace the program.
    Refused(Errno),
}

/// Why there is nothing more to step through.
pub(crate) enum Over {
    /// The program has ended.
    Ended,
    /// Its handler takes its time, or never returns: to have it run after each instruction would take for ever.
    Slow,
    Refused(Errno),
}

pub(crate) type Stepped<T> = Result<T, Over>;

impl Running {
    /// Has this signal's handler run after each instruction between the end of the program's next `write` and the call after that. What the handler
    /// needs, and the program has in hand just there, it then finds taken.
    ///
    /// For a program that sleeps, and has one thread; `go_on` is what makes it write. A signal that it blocks at the moment is not sent.
    ///
    /// # Panics
    /// When the program does not come to a stop at which it can be looked at.
    pub fn signal_between_instructions(
        &mut self,
        signal: Signal,
        go_on: impl FnOnce(&mut Self),
    ) -> Between {
        self.traced(|running, runs| {
            // It stands when it is made to go on: none of its calls is missed.
            go_on(running);
            between(running.pid(), signal, runs)
        })
    }

    /// Has this signal come again after each instruction of its handler. What the handler has in hand just there, such as a lock that
    /// nobody takes but itself, it then finds taken, as the handler of another signal would that is the same function.
    ///
    /// For a program that sleeps, and has one thread. The signal is let in for that, which the handler's mask holds back.
    ///
    /// # Panics
    /// When the program does not come to a stop at which it can be looked at.
    pub fn signal_within_its_handler(&mut self, signal: Signal) -> Between {
        self.traced(|running, runs| within(running.pid(), signal, runs))
    }

    /// Stops the program, traced, and steps through it.
    fn traced(&mut self, steps: impl FnOnce(&mut Self, &Runs) -> Stepped<bool>) -> Between {
        let pid = self.pid();
        let options = ptrace::Options::PTRACE_O_TRACESYSGOOD;
        if let Err(errno) = ptrace::seize(pid, options).and_then(|()| ptrace::interrupt(pid)) {
            return Between::Refused(errno);
        }
        if let Err(Over::Ended) = stop(pid) {
            return Between::Through(0);
        }
        let (done, is_done) = mpsc::channel::<()>();
        let runs = Runs::default();
        thread::scope(|scope| {
            // Whatever the program does, each wait ends.
            let watched = &runs;
            scope.spawn(move || watched.watch(pid, is_done));
            let result = steps(self, &runs);
            drop(done);
            if matches!(result, Ok(_) | Err(Over::Slow)) {
                // It may have been ended meanwhile.
                let _ = ptrace::detach(pid, None);
            }
            let times = runs.times();
            // One that spins from the first time on does so for another reason.
            let spins = times > 1 && runs.spins();
            match result {
                Ok(true) => Between::Locks(times),
                Err(Over::Ended) if spins => Between::Locks(times),
                Ok(false) | Err(Over::Ended | Over::Slow) => Between::Through(times),
                Err(Over::Refused(errno)) => Between::Refused(errno),
            }
        })
    }
}

/// Whether the handler comes to wait for a lock; counts how often it runs.
fn between(pid: Pid, signal: Signal, runs: &Runs) -> Stepped<bool> {
    // A stop at the beginning of a call, and one at its end.
    loop {
        let call = next_call(pid, None)?;
        next_call(pid, None)?;
        if number(&call) == Some(libc::SYS_write) {
            break;
        }
    }
    for _ in 0..MOST {
        step(pid)?;
        // In no call: at an instruction.
        if number(&call_of(pid)).is_some() {
            break;
        }
        if is_blocked(pid, signal)? {
            continue;
        }
        if runs.one(|| handles(pid, signal))? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The same for a handler that comes again while it runs.
fn within(pid: Pid, signal: Signal, runs: &Runs) -> Stepped<bool> {
    // It would wait for its handler for ever.
    if is_blocked(pid, signal)? {
        return Ok(false);
    }
    kill(pid, signal).map_err(gone)?;
    ptrace::cont(pid, None).map_err(gone)?;
    while let Some(other) = stop(pid)?.filter(|it| *it != signal) {
        ptrace::cont(pid, other).map_err(gone)?;
    }
    // To the handler. That stop takes no signal (ptrace(2), signal injection); the next one does.
    ptrace::step(pid, signal).map_err(gone)?;
    stop(pid)?;
    step(pid)?;
    // Where the handler lets it in by itself (`SA_NODEFER`), too, it is held back in between: that it no longer is shows that it has returned.
    set_mask(pid, mask(pid)? | bit(signal))?;
    for _ in 0..MOST {
        let held_back = mask(pid)?;
        if held_back & bit(signal) == 0 {
            // It has returned.
            break;
        }
        set_mask(pid, held_back & !bit(signal))?;
        if runs.one(|| handles(pid, signal))? {
            return Ok(true);
        }
        set_mask(pid, held_back)?;
        step(pid)?;
    }
    Ok(false)
}

/// Lets a signal's handler run to its end; whether it comes to wait for a lock instead.
fn handles(pid: Pid, signal: Signal) -> Stepped<bool> {
    let mut call = next_call(pid, Some(signal))?;
    let mut calls = 0;
    while number(&call) != Some(libc::SYS_rt_sigreturn) {
        if waits_for_a_lock(&call) {
            return Ok(true);
        }
        calls += 1;
        let sleeps = [libc::SYS_nanosleep, libc::SYS_clock_nanosleep];
        if calls > IN_A_HANDLER || number(&call).is_some_and(|it| sleeps.contains(&it)) {
            return Err(Over::Slow);
        }
        next_call(pid, None)?;
        call = next_call(pid, None)?;
    }
    next_call(pid, None)?;
    Ok(false)
}

/// Goes on to the next beginning or end of a call, with a signal if there is one.
fn next_call(pid: Pid, signal: Option<Signal>) -> Stepped<Call> {
    ptrace::syscall(pid, signal).map_err(gone)?;
    loop {
        match stop(pid)? {
            None => match call_of(pid) {
                Call::Hidden => return Err(Over::Refused(Errno::EACCES)),
                call => return Ok(call),
            },
            // Another signal, which is its own affair.
            other => ptrace::syscall(pid, other).map_err(gone)?,
        }
    }
}

/// Executes one instruction.
fn step(pid: Pid) -> Stepped<()> {
    ptrace::step(pid, None).map_err(gone)?;
    loop {
        match stop(pid)? {
            None => return Ok(()),
            other => ptrace::step(pid, other).map_err(gone)?,
        }
    }
}

/// Waits for the next stop: with a signal that is about to be delivered, or with none.
fn stop(pid: Pid) -> Stepped<Option<Signal>> {
    loop {
        match waitpid(pid, Some(WaitPidFlag::__WALL)) {
            Ok(WaitStatus::Exited(..) | WaitStatus::Signaled(..)) => return Err(Over::Ended),
            Ok(WaitStatus::Stopped(_, Signal::SIGTRAP) | WaitStatus::PtraceSyscall(_)) => {
                return Ok(None);
            }
            Ok(WaitStatus::PtraceEvent(..)) => return Ok(None),
            Ok(WaitStatus::Stopped(_, signal)) => return Ok(Some(signal)),
            Ok(_) | Err(Errno::EINTR) => {}
            Err(errno) => fault(&format!("waitpid(2) of a traced program: {errno}")),
        }
    }
}

pub(crate) fn gone(errno: Errno) -> Over {
    match errno {
        Errno::ESRCH => Over::Ended,
        errno => Over::Refused(errno),
    }
}

fn is_blocked(pid: Pid, signal: Signal) -> Stepped<bool> {
    Ok(mask(pid)? & bit(signal) != 0)
}

fn bit(signal: Signal) -> u64 {
    1 << (signal as i32 - 1)
}

/// Which signals are held back.
fn mask(pid: Pid) -> Stepped<u64> {
    let mut mask = 0u64;
    // SAFETY: the kernel writes a signal set of 8 bytes, as the third argument says, to `mask`.
    let read = unsafe {
        libc::ptrace(libc::PTRACE_GETSIGMASK as _, pid.as_raw(), size_of_val(&mask), &raw mut mask)
    };
    Errno::result(read).map_err(gone)?;
    Ok(mask)
}

fn set_mask(pid: Pid, mask: u64) -> Stepped<()> {
    // SAFETY: the kernel reads a signal set of 8 bytes, as the third argument says, from `mask`.
    let set = unsafe {
        libc::ptrace(
            libc::PTRACE_SETSIGMASK as _,
            pid.as_raw(),
            size_of_val(&mask),
            &raw const mask,
        )
    };
    Errno::result(set).map_err(gone)?;
    Ok(())
}

pub(crate) fn number(call: &Call) -> Option<libc::c_long> {
    match call {
        Call::In { number, .. } => Some(*number),
        Call::Hidden | Call::None => None,
    }
}

fn waits_for_a_lock(call: &Call) -> bool {
    const WAITS: [libc::c_int; 3] =
        [libc::FUTEX_WAIT, libc::FUTEX_WAIT_BITSET, libc::FUTEX_LOCK_PI];
    match call {
        Call::In { number: libc::SYS_futex, args } => {
            WAITS.contains(&(args[1] as libc::c_int & libc::FUTEX_CMD_MASK))
        }
        _ => false,
    }
}
