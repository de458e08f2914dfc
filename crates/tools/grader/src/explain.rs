//! What processes were doing, in words.

use crate::calls::Wait;
use crate::plain::plain;
use crate::{Call, Descriptor, Process, Snapshot, State};
use std::path::Path;

/// How many processes are described before the rest is only counted.
const DESCRIBED: usize = 6;

impl Snapshot {
    /// What each process was doing, the program first, one sentence a process.
    ///
    /// A process that another one waits for is told in the sentence of the one that waits.
    #[must_use]
    pub fn explain(&self) -> Vec<String> {
        let mut told = Vec::new();
        let mut sentences = Vec::new();
        let mut more = 0;
        for process in self.program().into_iter().chain(self.others()) {
            if told.contains(&process.pid) {
                continue;
            }
            if sentences.len() == DESCRIBED {
                more += 1;
                told.extend(self.waited_for(process).map(|child| child.pid));
                continue;
            }
            let mut sentence = format!("{} {}", self.title(process), self.describe(process));
            if let Some(child) = self.waited_for(process) {
                sentence += &format!(", which {}", self.describe(child));
                told.push(child.pid);
            }
            sentences.push(sentence);
        }
        if more > 0 {
            sentences.push(format!("… and {more} more"));
        }
        sentences
    }

    /// `the program (pid 4211)`, or `pid 4212` for another process.
    #[must_use]
    pub fn title(&self, process: &Process) -> String {
        if process.pid == self.program {
            format!("the program (pid {})", process.pid)
        } else {
            format!("pid {}", process.pid)
        }
    }

    /// What a process was doing, as the end of a sentence that begins with its pid.
    #[must_use]
    pub fn describe(&self, process: &Process) -> String {
        match process.state {
            // Its parent is the supervisor, which reaps it later.
            State::Zombie if process.pid == self.program => "has ended".into(),
            State::Zombie => "has exited, and nobody has reaped it".into(),
            State::Stopped => "is stopped by a signal, and nobody has continued it".into(),
            State::Traced => {
                let call = called(process).map(|call| format!(", in {call}")).unwrap_or_default();
                format!("is held by whoever traces it{call}")
            }
            State::Running => {
                format!("is running, after {:.2} s of processor time", process.cpu.as_secs_f64())
            }
            State::Other(letter) => format!("is in state {letter}"),
            State::Sleeping | State::Uninterruptible => self.blocked(process),
        }
    }

    fn blocked(&self, process: &Process) -> String {
        let Some(call) = called(process) else {
            return "is asleep in the kernel (in which call, this machine does not show, or the program does not let be seen)".into();
        };
        let reason = match process.wait().unwrap_or(Wait::Other) {
            Wait::Child(pid) => format!(", waiting for pid {pid}"),
            Wait::AnyChild => ", waiting for any of its children".into(),
            Wait::PidFd(fd) => format!(", waiting for the process behind its descriptor {fd}"),
            Wait::Open(_) => process
                .opening
                .as_deref()
                .map(|path| format!(" on {}", short(path)))
                .unwrap_or_default(),
            Wait::Read(fd) => self.on_descriptor(process, fd, true),
            Wait::Write(fd) => self.on_descriptor(process, fd, false),
            Wait::Ready => ", waiting for a descriptor to become ready".into(),
            Wait::Signal => ", waiting for a signal".into(),
            Wait::Lock => ", waiting for a lock or for another thread".into(),
            Wait::Time => ", waiting for time to pass".into(),
            Wait::Other => String::new(),
        };
        format!("is blocked in {call}{reason}")
    }

    fn on_descriptor(&self, process: &Process, number: i32, reads: bool) -> String {
        let Some(descriptor) = process.descriptor(number) else {
            return format!(" on its descriptor {number}");
        };
        let place = format!(" on {} (its descriptor {number})", short(&descriptor.target));
        let holders = if reads { self.holders(descriptor) } else { Vec::new() };
        if holders.is_empty() {
            return place;
        }
        format!("{place}, whose write end is held by {}", holders.join(" and "))
    }

    /// Who of the run holds the write end of the pipe that this descriptor leads to.
    fn holders(&self, descriptor: &Descriptor) -> Vec<String> {
        let pipes = self.pipes().into_iter();
        let ends =
            pipes.filter(|pipe| pipe.name == descriptor.target).flat_map(|pipe| pipe.writers);
        ends.filter_map(|(pid, number)| {
            Some(format!("{}, as its descriptor {number}", self.title(self.get(pid)?)))
        })
        .collect()
    }

    fn waited_for(&self, process: &Process) -> Option<&Process> {
        match (process.state, process.wait()) {
            (State::Sleeping, Some(Wait::Child(pid))) => self.get(nix::unistd::Pid::from_raw(pid)),
            _ => None,
        }
    }
}

/// The call that a process is in, if it is in one and the machine shows it.
fn called(process: &Process) -> Option<String> {
    let Call::In { number, .. } = process.call else { return None };
    let name = process.call_name();
    Some(name.map_or_else(|| format!("system call {number}"), |name| format!("{name}(2)")))
}

/// A path as a person would call it: only the last part of a long one. The program chose it, so it stays on its line.
fn short(path: &Path) -> String {
    let name = path.file_name().filter(|_| path.is_absolute()).unwrap_or(path.as_os_str());
    plain(&name.to_string_lossy()).replace('\n', "\\n")
}
