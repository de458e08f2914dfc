//! Who has connected to whom, where several do so at the same time.
//!
//! The model takes connections from a listener's queue in the order in which they were asked for. That isn't always the
//! kernel's: between the beginning of a `connect` and its effect, somebody else may have had a turn.

use std::collections::HashMap;
use std::net::SocketAddr;

use nix::sys::socket::{getsockopt, sockopt};
use nix::unistd::Pid;
use trace::Task;
use trace::call::Argument;
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
    /// Those who were not accepted yet, in the order in which they have begun to ask.
    waiting: Vec<Waiting>,
}

/// A connection that was asked for.
#[derive(Debug)]
struct Waiting {
    by: Task,
    /// The client's socket.
    inode: u64,
    /// A port, or all that a Unix socket has: one listener may have several addresses.
    to: String,
}

impl Clients {
    fn begins(&mut self, by: Task, inode: u64, address: &str) {
        // Whoever asks again what has become of its connection has its place already.
        if self.waiting.iter().all(|other| other.inode != inode) {
            let to = address.rsplit_once(':').map_or(address, |(_, port)| port).to_owned();
            self.waiting.push(Waiting { by, inode, to });
        }
    }

    /// A task's connection was accepted. Returns whether it is the one that waited longest.
    fn is_accepted(&mut self, client: Task) -> bool {
        let Some(at) = self.waiting.iter().position(|other| other.by == client) else {
            return false;
        };
        let accepted = self.waiting.remove(at);
        self.waiting.iter().take(at).all(|other| other.to != accepted.to)
    }
}

impl Recording<'_> {
    /// A task begins to connect.
    pub(crate) fn connects(&mut self, task: Task, pid: Pid, call: &Call) {
        let Some(inode) = self.client_socket(task, pid, call) else { return };
        let address = call.arguments.iter().find_map(|argument| match argument {
            Argument::Address(address) => Some(address),
            _ => None,
        });
        if let Some(address) = address {
            self.clients.begins(task, inode, address);
        }
    }

    /// A task's `connect` returns.
    pub(crate) fn has_connected(&mut self, task: Task, pid: Pid, call: &Call, result: i64) {
        let Some(inode) = self.client_socket(task, pid, call) else { return };
        let goes_on = [-i64::from(libc::EINPROGRESS), -i64::from(libc::EINTR)];
        if result < 0 && !goes_on.contains(&result) {
            self.clients.waiting.retain(|other| other.inode != inode);
        }
    }

    /// The socket in a call of `connect`, which is noted as this task's.
    fn client_socket(&mut self, task: Task, pid: Pid, call: &Call) -> Option<u64> {
        if call.name != "connect" {
            return None;
        }
        let number = call.args[0] as i32;
        let inode = files::inode(&files::leads_to(pid, number)?)?;
        self.clients.by_inode.insert(inode, task);
        let address = match borrow::socket(self.process_pid(task)?, pid, number) {
            Some(socket) => borrow::tcp_address(&socket),
            None => peers::address(pid, inode),
        };
        if let Some(address) = address {
            self.clients.by_address.insert(address, task);
        }
        Some(inode)
    }

    /// Tells whose connection a task has accepted, where that isn't the one that has waited longest. In free order it may not have
    /// been seen who that is.
    pub(crate) fn tell_client(&mut self, task: Task, pid: Pid, call: &Call, result: i64) {
        let accepts = matches!(call.name, "accept" | "accept4") && result >= 0;
        if accepts && let Some(by) = self.client(task, pid, result as i32) {
            let is_next = self.clients.is_accepted(by);
            if !is_next || self.options.policy == Policy::Free {
                self.tell(task, What::Connected { by });
            }
        }
    }

    /// Its address, where it has one, is looked at first: for the other end's inode, the kernel has to list the
    /// connections of the whole machine.
    fn client(&self, task: Task, pid: Pid, number: i32) -> Option<Task> {
        let inode = files::inode(&files::leads_to(pid, number)?)?;
        let process = self.process_pid(task)?;
        let by_address = |address| self.clients.by_address.get(&address).copied();
        let socket = borrow::socket(process, pid, number);
        let known = socket.as_ref().and_then(borrow::tcp_peer).and_then(by_address);
        known
            .or_else(|| {
                let (other, address) = peers::other_end(pid, inode);
                let by_inode = other.and_then(|other| self.clients.by_inode.get(&other));
                by_inode.copied().or_else(|| by_address(address?))
            })
            .or_else(|| {
                // Its socket is gone already; the kernel still knows which process it was.
                let pid = getsockopt(&socket?, sockopt::PeerCredentials).ok()?.pid();
                Some(self.names.task(Pid::from_raw(pid))).filter(|task| *task != Task::OUTSIDE)
            })
    }

    fn process_pid(&self, task: Task) -> Option<Pid> {
        Some(self.processes.get(&self.tasks.get(&task)?.process)?.pid)
    }
}
