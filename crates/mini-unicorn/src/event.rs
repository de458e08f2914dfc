//! The master's language: what can happen, and what can be done about it.

use std::time::Duration;

use fork::Reaped;
use nix::sys::signal::Signal;
use nix::unistd::Pid;

// ANCHOR: actions
/// What has happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Event<'a> {
    /// Somebody has sent the master a signal.
    Signal(Signal),
    /// The configuration that was read again is in force.
    Reloaded { workers: usize, timeout: Duration },
    /// A child has ended. `ready`: whether it ever got as far as waiting for connections. `request`:
    /// what it was working on, if on anything.
    Ended { who: Reaped, ready: bool, request: &'a str },
    /// Another master runs, as our child.
    SuccessorRuns(Pid),
    /// fork(2) has failed.
    CannotFork,
    /// Each worker's last sign of life.
    Beats(&'a [Beat]),
}

/// A worker's last sign of life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Beat {
    /// Whose.
    pub(crate) slot: usize,
    /// When.
    pub(crate) at: Duration,
    /// Whether it has become ready.
    pub(crate) ready: bool,
}

/// What is to be done about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Action {
    /// Write this signal's number into the worker's control pipe: it finishes its request first.
    Command(usize, Signal),
    /// Send this signal to the worker, whatever it is doing.
    Kill(usize, Pid, Signal),
    /// Say what this worker hangs in, for it was silent for so long, and end it by SIGKILL.
    Murder(usize, Pid, Duration),
    /// Nobody else goes on with the listeners: have them let nobody in any more.
    TurnAway,
    /// Close the listeners and all control pipes: each worker reads the end of its pipe, serves
    /// who waits already, and leaves.
    HangUp,
    /// Read the configuration again.
    Reload,
    /// Open the logs again whose files were renamed.
    ReopenLogs,
    /// Run the program again, as another master beside this one.
    StartSuccessor,
    /// That one has ended: take the pid file back.
    TakeBackPidFile,
    /// Let people know.
    Say(String),
}
// ANCHOR_END: actions
