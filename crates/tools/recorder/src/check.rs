//! `--check`: what /proc says of all descriptor tables, each time that all are at rest.
//!
//! Where the recorder chooses who runs, nobody does between two turns: what is read then is one moment
//! of all processes, and each table can be compared with every other.

use nix::unistd::Pid;
use trace::Task;
use trace::event::What;

use crate::files::Moment;
use crate::prologue::Prologue;
use crate::recording::Recording;
use crate::schedule::Policy;
use crate::task::State;

impl Recording<'_> {
    /// Tells the table of each task, one after another: two that share a table are told the same. Only a
    /// call's end, an exec, a birth and an end change tables, so nothing is told where none was heard of.
    ///
    /// In free order others run while one is read: nothing is told. Nor is it of a program whose loader is
    /// at work, whose calls aren't told either.
    pub(crate) fn tell_tables(&mut self) {
        let may_differ = std::mem::take(&mut self.tables_may_differ);
        if !self.options.check || self.options.policy == Policy::Free || !may_differ {
            return;
        }
        let mut moment = Moment::default();
        let tables: Vec<_> = self
            .at_rest()
            .into_iter()
            .map(|(task, pid)| (task, moment.table(pid, &self.names)))
            .collect();
        for (task, table) in tables {
            self.tell(task, What::Descriptors { table });
        }
    }

    fn at_rest(&self) -> Vec<(Task, Pid)> {
        let rests = |state| matches!(state, State::Ready { .. } | State::Sleeps | State::Stopped);
        self.tasks
            .iter()
            .filter(|(_, tracee)| rests(tracee.state) && tracee.prologue == Prologue::Over)
            .map(|(&task, tracee)| (task, tracee.pid))
            .collect()
    }
}
