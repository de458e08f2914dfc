//! A traced program, from stop to stop.

use crate::between::{Over, Stepped, gone};
use crate::proc::{call_of, stat};
use crate::{Call, State, calls, verdict::fault};
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
            if self.is_asleep() {
                return Ok(Halt::Asleep);
            }
            thread::sleep(LOOK_AGAIN);
        }
    }

    /// Whether it sleeps until something happens. Its call alone does not tell: of who was let go a moment ago, and has no processor yet, the
    /// last one is told, whether that slept or not. Such a one is not marked as asleep, so the mark comes first.
    fn is_asleep(&self) -> bool {
        let marked = stat(self.0).is_some_and(|stat| stat.state == State::Sleeping);
        marked && sleeps(&call_of(self.0))
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

#[cfg(test)]
mod tests {
    use super::*;
    use nix::sys::signal::kill;
    use nix::unistd::{ForkResult, fork};
    use std::os::fd::AsRawFd as _;

    /// Whatever becomes of the test, its program ends.
    struct Ends(Pid);

    impl Drop for Ends {
        fn drop(&mut self) {
            let _ = kill(self.0, Signal::SIGKILL);
            let _ = waitpid(self.0, Some(WaitPidFlag::__WALL));
        }
    }

    #[test]
    fn who_is_let_go_in_a_call_that_need_not_wait_is_not_asleep() {
        let (there, bytes) = nix::unistd::pipe().expect("there are descriptors");
        nix::unistd::write(&bytes, b"!").expect("an empty pipe has room");
        let mut wanted = libc::pollfd { fd: there.as_raw_fd(), events: libc::POLLIN, revents: 0 };
        // SAFETY: the child does nothing but call poll(2), with what lies on its own stack, until it is ended.
        let program = match unsafe { fork() }.expect("there is room for a process") {
            ForkResult::Child => loop {
                // SAFETY: one structure of ours, which the kernel may write to.
                unsafe { libc::poll(&mut wanted, 1, -1) };
            },
            ForkResult::Parent { child } => Ends(child),
        };
        let tracee = Tracee(program.0);
        let options = ptrace::Options::PTRACE_O_TRACESYSGOOD | ptrace::Options::PTRACE_O_EXITKILL;
        if let Err(errno) = ptrace::seize(tracee.0, options) {
            return eprintln!("not tested: tracing is refused here ({errno})");
        }
        ptrace::interrupt(tracee.0).expect("it is traced");
        assert!(tracee.stop().is_ok());
        // Where a processor waits for work, a few in ten thousand looks meet it before that has begun.
        for time in 0..20_000 {
            ptrace::syscall(tracee.0, None).expect("it has stopped");
            let halt = tracee.halt();
            assert!(matches!(halt, Ok(Halt::Stop(None))), "taken for asleep, time {time}");
        }
    }
}
