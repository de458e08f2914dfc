//! Programs that course starts: each in a process group of its own, and none outlives its check.

use nix::errno::Errno;
use nix::sys::signal::{Signal, killpg};
use nix::sys::wait::{Id, WaitPidFlag, waitid};
use nix::unistd::Pid;
use std::io;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, ExitStatus};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// Ends a check from another thread: what runs is killed, and nothing more is started.
#[derive(Debug, Clone, Default)]
pub struct Stop(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    stopped: bool,
    group: Option<Pid>,
}

impl Stop {
    /// Kills what runs, and lets nothing more start. May be called again.
    pub fn stop(&self) {
        let mut state = self.state();
        state.stopped = true;
        kill(state.group);
    }

    /// Whether somebody has called [`Stop::stop`].
    #[must_use]
    pub fn stopped(&self) -> bool {
        self.state().stopped
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How a job ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    Itself(ExitStatus),
    AtTheDeadline,
    Stopped,
}

/// A program in a process group of its own. Dropping it kills the group.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) child: Child,
    stop: Stop,
}

impl Job {
    /// Starts the program; `None` when the check has been stopped already.
    pub(crate) fn start(command: &mut Command, stop: &Stop) -> io::Result<Option<Self>> {
        // Held over the spawn: a stop comes before it, or finds the group.
        let mut state = stop.state();
        if state.stopped {
            return Ok(None);
        }
        let child = command.process_group(0).spawn()?;
        state.group = i32::try_from(child.id()).ok().map(Pid::from_raw);
        drop(state);
        Ok(Some(Self { child, stop: stop.clone() }))
    }

    /// Waits for the program's end, or ends it at the deadline. Whoever is left of its group is killed.
    pub(crate) fn finish(mut self, deadline: Duration) -> io::Result<Ended> {
        let Some(group) = self.stop.state().group else { return Ok(Ended::Stopped) };
        let (sender, end) = mpsc::channel();
        thread::spawn(move || {
            wait_without_reaping(group);
            sender.send(())
        });
        let in_time = end.recv_timeout(deadline) != Err(RecvTimeoutError::Timeout);
        let status = self.end()?;
        Ok(match (self.stop.stopped(), in_time) {
            (true, _) => Ended::Stopped,
            (false, true) => Ended::Itself(status),
            (false, false) => Ended::AtTheDeadline,
        })
    }

    /// Kills the group and reaps its leader.
    ///
    /// Until it is reaped, its number belongs to nobody else: the signal can't reach a stranger. So the two
    /// are one step for whoever wants to stop the check meanwhile.
    fn end(&mut self) -> io::Result<ExitStatus> {
        let mut state = self.stop.state();
        kill(state.group.take());
        self.child.wait()
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        // Nobody is there to tell: this is the way out of an error, or of a panic.
        _ = self.end();
    }
}

/// Kills a group; that nobody is left in it is as good.
fn kill(group: Option<Pid>) {
    if let Some(group) = group {
        _ = killpg(group, Signal::SIGKILL);
    }
}

/// Sleeps until the process has ended, and leaves it to be reaped (waitid(2), `WNOWAIT`).
fn wait_without_reaping(pid: Pid) {
    let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT;
    while waitid(Id::Pid(pid), flags) == Err(Errno::EINTR) {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Stdio;

    const LONG: Duration = Duration::from_secs(30);

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]).stdin(Stdio::null());
        command
    }

    #[test]
    fn a_job_tells_how_it_ended() -> io::Result<()> {
        let job = Job::start(&mut shell("exit 7"), &Stop::default())?.expect("nobody stopped it");
        let ended = job.finish(LONG)?;
        assert!(matches!(ended, Ended::Itself(status) if status.code() == Some(7)), "{ended:?}");
        Ok(())
    }

    #[test]
    fn at_the_deadline_the_whole_group_is_gone() -> io::Result<()> {
        // The end of the pipe is the end of everybody who holds it: the shell and both of its children.
        let (mut reader, writer) = io::pipe()?;
        let mut command = shell("sleep 1000 & sleep 1000");
        let job = Job::start(command.stdout(writer), &Stop::default())?.expect("not stopped");
        drop(command);
        assert_eq!(job.finish(Duration::from_millis(20))?, Ended::AtTheDeadline);
        io::Read::read_to_end(&mut reader, &mut Vec::new())?;
        Ok(())
    }

    #[test]
    fn a_stop_ends_what_runs_and_lets_nothing_start() -> io::Result<()> {
        let stop = Stop::default();
        let job = Job::start(&mut shell("sleep 1000"), &stop)?.expect("nobody stopped it");
        let stopper = stop.clone();
        let thread = thread::spawn(move || stopper.stop());
        assert_eq!(job.finish(LONG)?, Ended::Stopped);
        thread.join().expect("a stop does not panic");
        assert!(Job::start(&mut shell("exit 0"), &stop)?.is_none());
        Ok(())
    }
}
