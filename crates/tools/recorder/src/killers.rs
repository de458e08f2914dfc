//! Who has killed whom. SIGKILL never waits, and is not delivered either: nothing but the call that sends it says whence it comes.

use std::collections::BTreeSet;

use nix::unistd::{Pid, getpgid};
use trace::Task;
use trace::call::Argument;
use trace::event::{Status, What};

use crate::look;
use crate::recording::Recording;
use crate::signals::sends;
use crate::task::Call;

const KILLED: Status = Status::Signal(libc::SIGKILL);

/// The calls that send SIGKILL and have not returned.
#[derive(Debug, Default)]
pub(crate) struct Killers {
    calls: Vec<Killer>,
    /// The processes of whom it was told who has killed them.
    told: BTreeSet<Task>,
}

#[derive(Debug)]
struct Killer {
    by: Task,
    /// To whom it is sent: a process, or a thread.
    targets: Vec<Task>,
    /// It names one, and not a group, some of which it may have no right to kill.
    one: bool,
}

impl Recording<'_> {
    /// A call begins that may kill: in free order, whom it kills may be gone before it returns, and so may its caller.
    pub(crate) fn may_kill(&mut self, by: Task, call: &Call) {
        let kills = |argument: &Argument| *argument == Argument::Signal(libc::SIGKILL);
        if !sends(call.name) || !call.arguments.iter().any(kills) {
            return;
        }
        let (targets, one) = match call.arguments[..] {
            [Argument::Task(target), Argument::Signal(_), ..] => (vec![target], true),
            [_, Argument::Task(target), Argument::Signal(_), ..] => (vec![target], true),
            _ if let Some(target) = self.behind_pidfd(by, call) => (vec![target], true),
            _ if call.name == "kill" => (self.group(by, call.args[0] as i32), false),
            _ => return,
        };
        self.killers.calls.push(Killer { by, targets, one });
    }

    /// The processes that `kill` means by a number that is no process's: its caller's group, all, or another group.
    fn group(&self, by: Task, number: i32) -> Vec<Task> {
        let Some(own) = self.tasks.get(&by) else { return Vec::new() };
        // Groups have other numbers there.
        if self.may_be_nested {
            return Vec::new();
        }
        let group =
            if number == 0 { getpgid(Some(own.pid)).ok() } else { Some(Pid::from_raw(-number)) };
        let living = self.processes.iter().filter(|(_, process)| !process.ended);
        let meant = living.filter(|(task, process)| match number {
            -1 => **task != own.process,
            _ => getpgid(Some(process.pid)).ok() == group,
        });
        meant.map(|(&task, _)| task).collect()
    }

    /// Such a call has returned.
    pub(crate) fn has_killed(&mut self, by: Task, succeeded: bool) {
        let Some(at) = self.killers.calls.iter().position(|killer| killer.by == by) else { return };
        let killer = self.killers.calls.remove(at);
        for target in killer.targets {
            if succeeded && (killer.one || self.is_doomed(target)) {
                self.tell_killer(target, by);
            }
        }
    }

    /// Whether SIGKILL has reached a process: it stays among what waits, since nobody takes it.
    fn is_doomed(&self, process: Task) -> bool {
        let mut threads = self.tasks.values().filter(|tracee| tracee.process == process);
        threads.any(|tracee| {
            let signals = tracee.look.signals();
            let waits = signals.pending | signals.pending_for_all;
            waits & look::only(libc::SIGKILL) != 0 || tracee.exit_status == Some(KILLED)
        })
    }

    /// Before an end is told: who has killed it, where that is told no later, and nobody else can have.
    pub(crate) fn tell_killer_first(&mut self, process: Task, status: Status) {
        if status != KILLED || self.is_over {
            return;
        }
        let process_of = |task: Task| self.tasks.get(&task).map_or(task, |tracee| tracee.process);
        let meant =
            |killer: &&Killer| killer.targets.iter().any(|task| process_of(*task) == process);
        let mut killers = self.killers.calls.iter().filter(meant);
        let (Some(killer), None) = (killers.next(), killers.next()) else { return };
        let by = killer.by;
        // Whoever kills itself, too, will say nothing any more.
        let own = killer.targets.iter().any(|task| process_of(*task) == process_of(by));
        let targets: Vec<Task> = match own {
            true => killer.targets.clone(),
            false => vec![process],
        };
        for target in targets {
            self.tell_killer(target, by);
        }
    }

    fn tell_killer(&mut self, target: Task, by: Task) {
        let process = self.tasks.get(&target).map_or(target, |tracee| tracee.process);
        let lives = self.processes.get(&process).is_some_and(|process| !process.ended);
        if lives && self.killers.told.insert(process) {
            self.tell(target, What::Signalled { signal: libc::SIGKILL, by: Some(by) });
        }
    }
}
