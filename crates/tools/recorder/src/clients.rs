//! Who has connected to whom, where several may do so at the same time: in free order.

use std::collections::HashMap;
use std::net::SocketAddr;

use nix::sys::socket::{getsockopt, sockopt};
use nix::unistd::Pid;
use trace::Task;
use trace::event::What;

use crate::recording::Recording;
use crate::schedule::Policy;
use crate::task::Call;
use crate::{borrow, files, peers};

/// Those who have called `connect`.
#[derive(Debug, Default)]
pub(crate) struct Clients {
    by_inode: HashMap<u64, Task>,
    /// What the system has chosen for them: it outlives the socket.
    by_address: HashMap<SocketAddr, Task>,
}

impl Recording<'_> {
    /// A task begins to connect, or has been answered.
    pub(crate) fn connects(&mut self, task: Task, pid: Pid, call: &Call) {
        if self.options.policy != Policy::Free || call.name != "connect" {
            return;
        }
        let socket = files::leads_to(pid, call.args[0] as i32);
        let Some(inode) = socket.and_then(|link| files::inode(&link)) else { return };
        self.clients.by_inode.insert(inode, task);
        if let Some(address) = peers::address(pid, inode) {
            self.clients.by_address.insert(address, task);
        }
    }

    /// Tells whose connection a task has accepted.
    pub(crate) fn tell_client(&mut self, task: Task, pid: Pid, call: &Call, result: i64) {
        let accepts = matches!(call.name, "accept" | "accept4") && result >= 0;
        if self.options.policy == Policy::Free
            && accepts
            && let Some(by) = self.client(task, pid, result as i32)
        {
            self.tell(task, What::Connected { by });
        }
    }

    fn client(&self, task: Task, pid: Pid, number: i32) -> Option<Task> {
        let inode = files::inode(&files::leads_to(pid, number)?)?;
        let (other, address) = peers::other_end(pid, inode);
        let by_inode = other.and_then(|other| self.clients.by_inode.get(&other));
        let by_address = || self.clients.by_address.get(&address?);
        by_inode.or_else(by_address).copied().or_else(|| {
            // Its socket is gone already; the kernel still knows which process it was.
            let process = self.processes.get(&self.tasks.get(&task)?.process)?.pid;
            let socket = borrow::borrow(process, number).ok()?;
            let pid = getsockopt(&socket, sockopt::PeerCredentials).ok()?.pid();
            Some(self.names.task(Pid::from_raw(pid))).filter(|task| *task != Task::OUTSIDE)
        })
    }
}
