//! The pipes between the processes of a run, and who holds their ends.

use crate::calls::Wait;
use crate::{Process, Snapshot, State};
use nix::sys::signal::Signal;
use nix::unistd::Pid;
use std::path::{Path, PathBuf};

/// A pipe, and all descriptors of the run that lead to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pipe {
    /// Its name in `/proc/PID/fd`: `pipe:[53187]`.
    pub name: PathBuf,
    /// Who can read from it: a pid, and the descriptor's number there.
    pub readers: Vec<(Pid, i32)>,
    /// Who can write to it.
    pub writers: Vec<(Pid, i32)>,
}

impl Pipe {
    /// What it is, in words.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        if self.name.to_string_lossy().starts_with("socket:") {
            "a pair of sockets"
        } else {
            "a pipe"
        }
    }

    /// Whether this process holds an end of it from which it can read.
    #[must_use]
    pub fn is_read_by(&self, pid: Pid) -> bool {
        self.readers.iter().any(|(reader, _)| *reader == pid)
    }

    /// Whether this process holds an end of it to which it can write.
    #[must_use]
    pub fn is_written_by(&self, pid: Pid) -> bool {
        self.writers.iter().any(|(writer, _)| *writer == pid)
    }
}

impl Snapshot {
    /// The pipes that the run has made: those with an end that is read and one that is written, here both. The
    /// streams between test and program, of which the program has one end, are not among them.
    ///
    /// In the order in which the processes have them, the program first. Empty, too, where the machine refuses to show descriptors.
    #[must_use]
    pub fn pipes(&self) -> Vec<Pipe> {
        let mut pipes: Vec<Pipe> = Vec::new();
        for process in &self.processes {
            for end in &process.descriptors {
                if !end.target.to_string_lossy().starts_with("pipe:") {
                    continue;
                }
                // By their bytes: there may be thousands.
                let name = end.target.as_os_str();
                let known = pipes.iter().position(|pipe| pipe.name.as_os_str() == name);
                let place = known.unwrap_or_else(|| {
                    let name = end.target.clone();
                    pipes.push(Pipe { name, readers: Vec::new(), writers: Vec::new() });
                    pipes.len() - 1
                });
                let pipe = &mut pipes[place];
                let ends = if end.writable { &mut pipe.writers } else { &mut pipe.readers };
                ends.push((process.pid, end.number));
            }
        }
        pipes.retain(|pipe| !pipe.readers.is_empty() && !pipe.writers.is_empty());
        pipes
    }

    /// Who is blocked in reading from such a pipe: nothing is in it, and its end can't come while anybody has an end to write
    /// to. Empty where the machine does not show in which call a process is.
    #[must_use]
    pub fn waiting_readers(&self) -> Vec<(&Process, Pipe)> {
        self.waiting(|wait| match wait {
            Wait::Read(number) => Some(number),
            _ => None,
        })
    }

    /// Who is blocked in writing to such a pipe: it is full, and nobody reads.
    #[must_use]
    pub fn waiting_writers(&self) -> Vec<(&Process, Pipe)> {
        self.waiting(|wait| match wait {
            Wait::Write(number) => Some(number),
            _ => None,
        })
    }

    /// The pipe on which this process sleeps and to which only that other one can write, or one of two sockets, of which that one has the other. Its end
    /// says no more than that the other's descriptors are closed, which is so before that one has ended. `None`, too, where a pidfd, a signal or an eventfd may tell
    /// more, or another pipe.
    #[must_use]
    pub fn hears_only_by_a_pipe(&self, process: &Process, of: Pid) -> Option<Pipe> {
        let leads_to =
            |word| process.descriptors.iter().any(|d| d.target.to_string_lossy().contains(word));
        let told = ["pidfd", "signalfd", "eventfd"].into_iter().any(leads_to)
            || process.signals.caught.contains(&Signal::SIGCHLD);
        let pipes = self.pipes();
        let mut read = pipes.iter().filter(|pipe| pipe.is_read_by(process.pid));
        let on = match process.wait()? {
            Wait::Read(number) => Some(process.descriptor(number)?.target.clone()),
            // Of which of several it is, nothing tells.
            Wait::Ready if !told && read.clone().count() < 2 => None,
            _ => return None,
        };
        let pipe = read.find(|pipe| {
            on.as_ref().is_none_or(|on| *on == pipe.name)
                && pipe.writers.iter().all(|(writer, _)| *writer == of)
        });
        let pipe = pipe.cloned();
        pipe.or_else(|| self.sockets(process.pid, &on?, of))
    }

    /// The pair of sockets whose one end this is, if all others that the run has are that one process's. Nobody shows which two
    /// are a pair: where there are more, it is left open.
    fn sockets(&self, reader: Pid, end: &Path, of: Pid) -> Option<Pipe> {
        let is_socket = |path: &Path| path.to_string_lossy().starts_with("socket:");
        let others = self.processes.iter().flat_map(|process| {
            let sockets = process.descriptors.iter().filter(|it| is_socket(&it.target));
            sockets.filter(|it| it.target != end).map(|it| (process.pid, it.number))
        });
        let writers: Vec<_> = others.collect();
        let only = !writers.is_empty() && writers.iter().all(|(writer, _)| *writer == of);
        let readers = vec![(reader, 0)];
        (is_socket(end) && only).then(|| Pipe { name: end.into(), readers, writers })
    }

    fn waiting(&self, on: impl Fn(Wait) -> Option<i32>) -> Vec<(&Process, Pipe)> {
        let pipes = self.pipes();
        let asleep = self.processes.iter().filter(|process| process.state == State::Sleeping);
        let on_a_pipe = |process: &Process| {
            let end = process.descriptor(on(process.wait()?)?)?;
            pipes.iter().find(|pipe| pipe.name == end.target).cloned()
        };
        asleep.filter_map(|process| Some((process, on_a_pipe(process)?))).collect()
    }
}
