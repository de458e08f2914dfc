//! The test's side of a supervisor.

use crate::clock::Clock;
use crate::fds::wait_for;
use crate::supervisor::{self, Attempt, Report};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags};
use nix::sys::wait::{WaitPidFlag, waitpid};
use nix::unistd::Pid;
use std::os::fd::{AsFd as _, OwnedFd};
use std::time::Duration;

/// How long the supervisor has for its own work, which takes milliseconds, and for ending those that are slow to die.
const SUPERVISOR_DEADLINE: Duration = Duration::from_secs(80);

/// The supervisor, held by its lifeline.
#[derive(Debug)]
pub(crate) struct Leash {
    pub(crate) pid: Pid,
    supervisor: Option<Pid>,
    lifeline: Option<OwnedFd>,
    report: OwnedFd,
    /// What the supervisor refused to the program.
    pub(crate) refused: Vec<Attempt>,
}

/// Why there is no wait status of the program.
pub(crate) enum Lost {
    /// The supervisor is gone.
    Supervisor,
    /// It is there, and does not answer.
    Answer,
    /// It could not end everybody.
    Processes,
}

/// Why there is no report.
pub(crate) enum Missing {
    /// Nobody can write one any more.
    Ended,
    /// None came in time.
    Late,
}

impl Leash {
    pub(crate) fn new(supervisor: Pid, lifeline: OwnedFd, report: OwnedFd) -> Self {
        Self {
            pid: supervisor,
            supervisor: Some(supervisor),
            lifeline: Some(lifeline),
            report,
            refused: Vec::new(),
        }
    }

    pub(crate) fn report(&self) -> Result<Report, Missing> {
        read_report(&self.report)
    }

    /// Ends the whole run, and returns the program's wait status.
    pub(crate) fn let_go(&mut self) -> Result<i32, Lost> {
        let Some(supervisor) = self.supervisor.take() else { return Err(Lost::Supervisor) };
        if let Some(lifeline) = self.lifeline.take() {
            // Said, and not only shown by the end: another run's supervisor may have been forked meanwhile, and holds a copy
            // until it has closed all that is not its own.
            let _ = nix::unistd::write(&lifeline, b"!");
        }
        let result = loop {
            match self.report() {
                Ok([supervisor::REFUSED, call, argument]) => self.refused.push((call, argument)),
                Ok([supervisor::ENDED, 1, status]) => break Ok(status),
                Ok([supervisor::ENDED, ..]) => break Err(Lost::Processes),
                Ok(_) | Err(Missing::Ended) => break Err(Lost::Supervisor),
                Err(Missing::Late) => break Err(Lost::Answer),
            }
        };
        // One that is late is still ending others, and would do that no more if it were killed.
        let patience = match result {
            Err(_) => Some(WaitPidFlag::WNOHANG),
            Ok(_) => None,
        };
        while let Err(Errno::EINTR) = waitpid(supervisor, patience) {}
        result
    }
}

impl Drop for Leash {
    fn drop(&mut self) {
        let _ = self.let_go();
    }
}

/// The next report from this pipe.
pub(crate) fn read_report(pipe: &OwnedFd) -> Result<Report, Missing> {
    let mut clock = Clock::new(SUPERVISOR_DEADLINE);
    let mut bytes = [0; size_of::<Report>()];
    let mut filled = 0;
    while filled < bytes.len() {
        if !wait_for(&mut [PollFd::new(pipe.as_fd(), PollFlags::POLLIN)], clock.pause()) {
            if clock.left().is_zero() {
                return Err(Missing::Late);
            }
            continue;
        }
        match nix::unistd::read(pipe, &mut bytes[filled..]) {
            Ok(0) => return Err(Missing::Ended),
            Ok(count) => filled += count,
            Err(Errno::EINTR) => {}
            Err(_) => return Err(Missing::Ended),
        }
    }
    let mut report = [0; 3];
    for (number, bytes) in report.iter_mut().zip(bytes.chunks_exact(4)) {
        *number = i32::from_ne_bytes(bytes.try_into().map_err(|_| Missing::Ended)?);
    }
    Ok(report)
}
