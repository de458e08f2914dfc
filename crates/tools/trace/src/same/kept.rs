//! Which events are compared: all but those that another machine has more or fewer of.
//!
//! - What a program of the machine's own calls (`ls`, `sh`: another version calls something else). That
//!   it begins, gets signals and ends is compared.
//! - Reads from /proc, whose files are longer here and shorter there.
//! - Questions to /proc about processes that aren't recorded: there are others on each machine.
//! - Calls that this kernel doesn't have (ENOSYS): the C library makes an older one instead.
//! - Attempts to execute what is in another folder of PATH.

use std::collections::HashMap;

use crate::call::Argument;
use crate::event::{Event, Outcome, Task, What};

/// Their places.
pub(super) fn kept(events: &[Event]) -> Vec<usize> {
    let mut machine = Machine { events, of: HashMap::new(), dropped: vec![false; events.len()] };
    for at in 0..events.len() {
        machine.look_at(at);
    }
    let keep = |at: &usize| !machine.dropped[*at];
    (0..events.len()).filter(keep).collect()
}

/// A file of /proc.
#[derive(Clone, Copy, PartialEq)]
enum InProc {
    /// About a process that is recorded, or about the machine.
    Known,
    /// About another one.
    Unknown,
}

/// What is known of a task.
#[derive(Clone, Default)]
struct Of {
    /// It executes a program of the machine's own.
    foreign: bool,
    /// Its descriptors for files in /proc.
    proc_files: HashMap<i32, InProc>,
}

struct Machine<'a> {
    events: &'a [Event],
    of: HashMap<Task, Of>,
    dropped: Vec<bool>,
}

impl Machine<'_> {
    fn look_at(&mut self, at: usize) {
        let Event { task, what, .. } = &self.events[at];
        match what {
            What::Born { parent, .. } => {
                let like_parent = self.of.get(parent).cloned().unwrap_or_default();
                self.of.insert(*task, like_parent);
            }
            What::Exec { path, .. } => {
                self.of.entry(*task).or_default().foreign = is_foreign(path);
            }
            What::Enter { name, arguments, .. } => {
                let end = self.end_of_call(at);
                if self.is_dropped(*task, name, arguments, end) {
                    self.dropped[at] = true;
                    end.into_iter().for_each(|end| self.dropped[end] = true);
                }
            }
            What::Leave { .. } | What::Sleeps | What::Held | What::Runs | What::HandlerReturns => {
                self.dropped[at] |= self.of.get(task).is_some_and(|of| of.foreign);
            }
            _ => (),
        }
    }

    /// Where the call ends that begins here.
    fn end_of_call(&self, at: usize) -> Option<usize> {
        let task = self.events[at].task;
        let ends = |what: &What| matches!(what, What::Leave { .. } | What::Enter { .. });
        let its = |&later: &usize| {
            let Event { task: whose, what, .. } = &self.events[later];
            *whose == task && ends(what)
        };
        (at + 1..self.events.len())
            .find(its)
            .filter(|&end| matches!(self.events[end].what, What::Leave { .. }))
    }

    fn is_dropped(
        &mut self,
        task: Task,
        name: &str,
        arguments: &[Argument],
        end: Option<usize>,
    ) -> bool {
        let result = end.and_then(|end| match &self.events[end].what {
            What::Leave { result, .. } => Some(result),
            _ => None,
        });
        if matches!(result, Some(Outcome::Error(error)) if error == "ENOSYS")
            || is_retried(self.events, end, name, arguments)
        {
            return true;
        }
        let of = self.of.entry(task).or_default();
        let opened = arguments.iter().find_map(|argument| match argument {
            Argument::Path(path) if matches!(name, "open" | "openat" | "readlink") => in_proc(path),
            _ => None,
        });
        if let (Some(file), Some(Outcome::Value(fd)), "open" | "openat") = (opened, result, name) {
            of.proc_files.insert(*fd as i32, file);
        }
        let fd = match arguments.first() {
            Some(Argument::Descriptor(fd)) => *fd,
            _ => -1,
        };
        let file = of.proc_files.get(&fd).copied();
        if name == "close" {
            of.proc_files.remove(&fd);
        }
        let read = matches!(name, "read" | "readv" | "pread64" | "lseek");
        let of_proc = opened == Some(InProc::Unknown)
            || file == Some(InProc::Unknown)
            || read && file.is_some();
        of.foreign || of_proc
    }
}

/// Whether a program is neither the recorded one nor from its folder, which is written as `…`.
pub(super) fn is_foreign(path: &str) -> bool {
    path.starts_with('/') && !path.starts_with("/proc/")
}

fn in_proc(path: &str) -> Option<InProc> {
    let rest = path.strip_prefix("/proc/")?;
    Some(if rest == "P0" || rest.starts_with("P0/") { InProc::Unknown } else { InProc::Known })
}

/// Whether exec fails, and is tried next with a file of the same name.
fn is_retried(events: &[Event], end: Option<usize>, name: &str, arguments: &[Argument]) -> bool {
    let (Some(end), "execve", Some(Argument::Path(path))) = (end, name, arguments.first()) else {
        return false;
    };
    let fails = matches!(&events[end].what, What::Leave { result: Outcome::Error(_), .. });
    let task = events[end].task;
    let next = events[end + 1..].iter().find(|event| event.task == task);
    fails
        && matches!(next.map(|event| &event.what), Some(What::Enter { name, arguments, .. })
            if name == "execve"
            && matches!(arguments.first(), Some(Argument::Path(next)) if file_name(next) == file_name(path)))
}

/// What a path ends with.
pub(super) fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}
