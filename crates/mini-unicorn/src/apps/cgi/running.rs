//! A script that runs: how it begins, and the ways in which it may end.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt::Display;
use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use execve::{Program, launch};
use fork::{Exit, wait_for};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use pipe::pipe;
use select::poll_readable;

use super::script::Script;
use crate::Connection;
use crate::logs::say;

/// A script's process, and its output to be read.
///
/// It lives no longer than this: when its output ends, when it takes too long, when the client
/// leaves, or when this is dropped, its process group is killed and the script itself reaped. What
/// is to outlive the answer must leave the group, as setsid(1) does.
pub(crate) struct Running {
    path: PathBuf,
    /// `None` once it is reaped, and its number somebody else's.
    pid: Option<Pid>,
    output: File,
    /// `None` once there is nothing more to learn from watching.
    client: Option<Connection>,
    give_up: Instant,
}

impl Running {
    // ANCHOR: start
    /// Runs a script, with `input` as its standard input.
    ///
    /// It gets to know nothing of our descriptors, which are close-on-exec, nor of our signals. If
    /// the master kills this worker, the kernel kills the script.
    ///
    /// # Errors
    /// Those of [`launch`] and of [`pipe`].
    pub(crate) fn start(
        script: &Script,
        variables: BTreeMap<OsString, OsString>,
        input: &File,
        client: &Connection,
    ) -> io::Result<Running> {
        let (output, stdout) = pipe()?;
        let folder = script.path.parent().unwrap_or(&script.path);
        let program = Program::new(&script.path).env_clear().directory(folder);
        let program =
            variables.into_iter().fold(program, |program, (name, value)| program.env(name, value));
        let program =
            program.place(input.as_fd(), 0).place(stdout.as_fd(), 1).new_group().die_with_parent();
        // SAFETY: a worker has one thread.
        let pid = unsafe { launch(&program) }?;
        Ok(Running {
            path: script.path.clone(),
            pid: Some(pid),
            output: output.into(), // `stdout` is closed here: else its end would never come
            client: Some(client.clone()),
            give_up: before(client.deadline()),
        })
    }
    // ANCHOR_END: start

    // ANCHOR: wait
    /// Waits until the script has written something, or has ended; not for ever, and not for a
    /// client that has gone.
    fn wait(&mut self) -> io::Result<()> {
        loop {
            let left = self.give_up.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(self.end_because(ErrorKind::TimedOut, "it took too long"));
            }
            let fds = [Some(self.output.as_fd()), self.client.as_ref().map(AsFd::as_fd)];
            let fds: Vec<_> = fds.into_iter().flatten().collect();
            let ready = match poll_readable(&fds, Some(left)) {
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                ready => ready?,
            };
            if ready.contains(&1) {
                if self.client.as_ref().is_some_and(Connection::has_gone) {
                    return Err(self.end_because(ErrorKind::ConnectionAborted, "the client left"));
                }
                // It has sent more than its request, which nobody is going to read. It would be
                // readable from now on, and we would spin.
                self.client = None;
            }
            if ready.contains(&0) {
                return Ok(());
            }
        }
    }
    // ANCHOR_END: wait

    fn end_because(&mut self, kind: ErrorKind, reason: &str) -> io::Error {
        if self.pid.is_some() {
            self.log(format_args!("killed, since {reason}"));
            self.end();
        }
        io::Error::new(kind, format!("{}: {reason}", self.path.display()))
    }

    // ANCHOR: end
    /// Kills whoever is left of its group, and reaps it. Returns how it ended, if that was not known.
    fn end(&mut self) -> Option<Exit> {
        let pid = self.pid.take()?;
        // Not reaped yet, it still owns its number, so this reaches nobody else. It may have ended.
        let _ = killpg(pid, Signal::SIGKILL);
        wait_for(pid).ok()
    }
    // ANCHOR_END: end

    /// One line for the log.
    pub(crate) fn log(&self, text: impl Display) {
        say(format_args!("cgi: {}: {text}", self.path.display()));
    }
}

impl Read for Running {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.wait()?;
        let count = self.output.read(into)?;
        if count == 0 && !into.is_empty() {
            match self.end() {
                // That may well have been us: it had closed its output, and went on.
                None | Some(Exit::Code(0) | Exit::Signal(libc::SIGKILL)) => {}
                Some(exit) => self.log(exit),
            }
        }
        Ok(count)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.end();
    }
}

/// Sooner than the master gives up this worker, by a tenth of the time, or by a second.
fn before(deadline: Instant) -> Instant {
    let left = deadline.saturating_duration_since(Instant::now());
    deadline.checked_sub((left / 10).min(Duration::from_secs(1))).unwrap_or(deadline)
}
