//! All processes of a run at one moment.

use crate::proc::{children, pids};
use crate::{Process, State};
use nix::unistd::Pid;

/// How many processes a snapshot has at most: while they fork, a look at them might never end.
const LOOKED_AT: usize = 2000;
/// How many looks are taken for one that shows everybody, for the same reason.
const LOOKS: usize = 8;
/// How many bytes are read about descriptors in a look: those of some thousands. A run may have a hundred times as many, and each epoll(7) tells of
/// all that it watches.
const READ: usize = 256 << 10;

/// The processes of a run at one moment. They were looked at one after the other: while they run, one may be seen
/// a little later than another.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// The pid of the program itself, as it knows it.
    pub program: Pid,
    /// The program, its descendants, and those that its descendants abandoned; parents before their children.
    pub processes: Vec<Process>,
}

impl Snapshot {
    /// Looks at all descendants of `supervisor`, until two looks have shown the same ones: whoever is made, or is handed
    /// on to the supervisor by a dying parent, in the middle of a look may be missing from it.
    pub(crate) fn complete(supervisor: Pid, program: Pid) -> Self {
        let family = |look: &Self| -> Vec<_> {
            look.processes.iter().map(|p| (p.host, p.parent, p.state == State::Zombie)).collect()
        };
        let (mut look, mut left) = Self::look(supervisor, program);
        for _ in 1..LOOKS {
            // Of who has so much open, the looks take long, and no other one shows more.
            if left == 0 {
                break;
            }
            let (again, left_again) = Self::look(supervisor, program);
            let settled = family(&again) == family(&look);
            (look, left) = (again, left_again);
            if settled {
                break;
            }
        }
        look
    }

    /// Looks once at all descendants of `supervisor`.
    pub(crate) fn take(supervisor: Pid, program: Pid) -> Self {
        Self::look(supervisor, program).0
    }

    /// The same, with how much more could have been read about descriptors.
    fn look(supervisor: Pid, program: Pid) -> (Self, usize) {
        let mut left = READ;
        let below = pids(supervisor).len().saturating_sub(1);
        let mut processes: Vec<Process> = Vec::new();
        let mut unseen = children(supervisor);
        unseen.reverse();
        while let Some(pid) = unseen.pop().filter(|_| processes.len() < LOOKED_AT) {
            if let Some(process) = Process::read(pid, below, &mut left) {
                unseen.extend(children(pid).into_iter().rev());
                processes.push(process);
            }
        }
        // The kernel tells parents by the test's pids.
        let known: Vec<(Pid, Pid)> = processes.iter().map(|p| (p.host, p.pid)).collect();
        let inner = |host: Pid| known.iter().find(|(h, _)| *h == host).map(|(_, pid)| *pid);
        for process in &mut processes {
            process.parent = inner(process.parent).unwrap_or(process.parent);
        }
        (Self { program: inner(program).unwrap_or(program), processes }, left)
    }

    /// The process of that pid.
    #[must_use]
    pub fn get(&self, pid: Pid) -> Option<&Process> {
        self.processes.iter().find(|p| p.pid == pid)
    }

    /// The program itself.
    #[must_use]
    pub fn program(&self) -> Option<&Process> {
        self.get(self.program)
    }

    /// Everybody but the program itself.
    pub fn others(&self) -> impl Iterator<Item = &Process> {
        self.processes.iter().filter(|p| p.pid != self.program)
    }
}
