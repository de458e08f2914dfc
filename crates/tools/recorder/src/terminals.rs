//! What is written to a terminal goes through a worker of the kernel's: when it arrives at the other end, and is echoed, is
//! chance, unless somebody waits for that. What comes to an end where something can be read already, or that nobody has opened
//! yet, nobody can wait for; nor can who sleeps at the other end be kept from getting up when the first of several pieces comes (a line and its
//! end are two).

use std::os::fd::AsFd;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::unistd::Pid;

use crate::recording::Recording;
use crate::schedule::Policy;
use crate::task::Call;
use crate::{borrow, files};

/// The end that is written to by whoever plays the keyboard.
const MASTER: &str = "/dev/ptmx";
/// The ends at which programs read what was typed.
pub(crate) const SLAVES: &str = "/dev/pts/";

impl Recording<'_> {
    /// After a write to a terminal that the program has made, waits until it has arrived. Who asks a terminal whether there is
    /// something to read is answered only then; first the slaves, which echo, and then the masters.
    pub(crate) fn has_written_to_terminal(&self, pid: Pid, call: &Call) {
        if self.options.policy == Policy::Free {
            return;
        }
        let written = files::leads_to(pid, call.args[0] as i32);
        if !written.is_some_and(|path| self.is_made_terminal(&path)) {
            return;
        }
        let living = self.processes.values().filter(|process| !process.ended);
        let all = living.flat_map(|process| {
            let open = files::open(process.pid).into_iter();
            open.filter_map(|fd| Some((files::leads_to(process.pid, fd)?, process.pid, fd)))
        });
        let mut ends: Vec<_> = all.filter(|(path, ..)| self.is_made_terminal(path)).collect();
        ends.sort_by_key(|(path, ..)| is_master(path));
        for (_, process, number) in ends {
            // It may have been closed meanwhile, or its owner be gone.
            if let Ok(end) = borrow::borrow(process, number) {
                _ = poll(&mut [PollFd::new(end.as_fd(), PollFlags::POLLIN)], PollTimeout::ZERO);
            }
        }
    }

    fn is_made_terminal(&self, path: &str) -> bool {
        (is_master(path) || path.starts_with(SLAVES)) && !self.inherited.contains(path)
    }
}

pub(crate) fn is_master(path: &str) -> bool {
    path == MASTER || path == "/dev/pts/ptmx"
}
