//! A traced program, from stop to stop.

use crate::between::{Over, Stepped, gone};
use crate::proc::call_of;
use crate::{Call, calls, verdict::fault};
use nix::errno::Errno;
use nix::sys::ptrace;
use nix::sys::signal::Signal;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use std::thread;
use std::time::Duration;

/// How often it is looked whether a program sleeps.
const LOOK_AGAIN: Duration = Duration::from_micros(50);

/// Where a program has stopped that goes on.
pub(crate) enum Halt {
    /// With a signal that is about to be delivered, or with none.
    Stop(Option<Signal>),
    /// It sleeps until something happens.
    Asleep,
}

/// A program that this thread traces.
pub(crate) struct Tracee(pub(crate) Pid);

impl Tracee {
    /// Lets it go on until it sleeps.
    pub(crate) fn until_asleep(&self) -> Stepped<()> {
        // Who is asleep already is in no stop.
        let _ = ptrace::cont(self.0, None);
        while let Halt::Stop(signal) = self.halt()? {
            ptrace::cont(self.0, signal).map_err(gone)?;
        }
        Ok(())
    }

    /// Goes on to the next beginning or end of a call.
    pub(crate) fn next_call(&self) -> Stepped<Call> {
        self.go(ptrace::syscall::<Option<Signal>>)?;
        match call_of(self.0) {
            Call::Hidden => Err(Over::Refused(Errno::EACCES)),
            call => Ok(call),
        }
    }

    /// Executes one instruction.
    pub(crate) fn step(&self) -> Stepped<()> {
        self.go(ptrace::step::<Option<Signal>>)
    }

    /// Goes on, in this way, to a stop that is no signal's.
    fn go(&self, on: impl Fn(Pid, Option<Signal>) -> nix::Result<()>) -> Stepped<()> {
        let mut signal = None;
        loop {
            on(self.0, signal).map_err(gone)?;
            signal = self.stop()?;
            if signal.is_none() {
                return Ok(());
            }
        }
    }

    /// Waits until it stops, or sleeps.
    pub(crate) fn halt(&self) -> Stepped<Halt> {
        loop {
            if let Some(stop) = self.look(WaitPidFlag::WNOHANG)? {
                return Ok(Halt::Stop(stop));
            }
            if sleeps(&call_of(self.0)) {
                // The call of one who has stopped is told, too.
                let stop = self.look(WaitPidFlag::WNOHANG)?;
                return Ok(stop.map_or(Halt::Asleep, Halt::Stop));
            }
            thread::sleep(LOOK_AGAIN);
        }
    }

    /// Waits until it stops.
    pub(crate) fn stop(&self) -> Stepped<Option<Signal>> {
        loop {
            if let Some(stop) = self.look(WaitPidFlag::empty())? {
                return Ok(stop);
            }
        }
    }

    fn look(&self, flags: WaitPidFlag) -> Stepped<Option<Option<Signal>>> {
        match waitpid(self.0, Some(flags | WaitPidFlag::__WALL)) {
            Ok(WaitStatus::StillAlive) | Err(Errno::EINTR) => Ok(None),
            Ok(WaitStatus::Exited(..) | WaitStatus::Signaled(..)) => Err(Over::Ended),
            Ok(WaitStatus::Stopped(_, signal)) if signal != Signal::SIGTRAP => {
                Ok(Some(Some(signal)))
            }
            Ok(_) => Ok(Some(None)),
            Err(errno) => fault(&format!("waitpid(2) of a traced program: {errno}")),
        }
    }
}

/// Whether who is in this call waits for something, for as long as it takes.
pub(crate) fn sleeps(call: &Call) -> bool {
    match call {
        // By this one, poll(2) is begun anew after a stop, whether it has a limit or not.
        Call::In { number: libc::SYS_restart_syscall, .. } => true,
        Call::In { number, args } => {
            calls::wait(*number, *args) == calls::Wait::Ready && !calls::has_a_limit(*number, *args)
        }
        Call::Hidden | Call::None => false,
    }
}
