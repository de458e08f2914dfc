//! Children whose maker does not live to tell of them: it was killed, or another thread's exec has ended it, in the middle of its fork.

use trace::Task;

use crate::look;
use crate::ptrace::Stop;
use crate::recording::Recording;
use crate::task::Tracee;

/// Whom clone makes with this flag has the same parent as its maker.
const SIBLING: u64 = libc::CLONE_PARENT as u64;

/// Whether a task is in a call that makes another one.
fn makes(tracee: &Tracee) -> bool {
    ["fork", "vfork", "clone"].iter().any(|name| tracee.is_in(name))
}

impl Recording<'_> {
    /// A task is about to end in a call that makes another one: the kernel still says whom it has made. A thread ends with it.
    pub(crate) fn leaves_children(&mut self, maker: Task) {
        let Some(tracee) = self.tasks.get(&maker).filter(|tracee| makes(tracee)) else { return };
        let Some(process) = self.processes.get(&tracee.process) else { return };
        let vfork = tracee.is_in("vfork");
        let siblings = tracee.call.as_ref().is_some_and(|call| call.flags & SIBLING != 0);
        let children = match siblings {
            true => look::parent(process.pid).map(look::children_of_process).unwrap_or_default(),
            false => look::children(process.pid, tracee.pid),
        };
        for pid in children {
            if !self.by_pid.contains_key(&pid) && look::is_traced_here(pid) {
                self.born(maker, pid, vfork);
            }
        }
    }

    /// Forgets the ends of those of whom nobody will tell: threads that their process's end has taken along.
    pub(crate) fn forget_strangers(&mut self) {
        if !self.strangers.is_empty() && !self.tasks.values().any(makes) {
            self.strangers.retain(|_, stop| !matches!(stop, Stop::Gone(_)));
        }
    }
}
