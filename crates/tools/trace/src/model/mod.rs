//! What the events add up to: who runs, who waits, and where each descriptor leads.
//!
//! Read in this order: [`Model::apply`]; `task.rs`, `files.rs` and `channel.rs`, what the model
//! consists of; `lives.rs`, how processes begin and end; `table.rs`, the descriptor tables;
//! `early.rs`, what is seen of a call before it returns; `calls.rs`, `bytes.rs`, `sockets.rs`, `datagrams.rs`, `fifos.rs`, `locks.rs` and `signals.rs`, what a call changes when
//! it returns;
//! `resync.rs`, what happens when /proc says otherwise.
//!
//! A call takes effect when it returns, and one that failed has changed nothing. Where several run
//! at the same time, another's return may show the effect first: an end of file, say, before the
//! `close` that made it has returned. The model allows for that and for no more.

mod arguments;
mod bytes;
mod calls;
mod channel;
mod datagrams;
mod early;
mod fifos;
mod files;
mod lives;
mod locks;
mod resync;
mod signals;
mod sockets;
mod step;
mod table;
mod task;

use std::collections::{BTreeMap, BTreeSet};

pub use channel::Channel;
pub use files::{Description, Holder, Kind, Pipe, Place, Slot, Socket, Table};
pub use step::{Change, Mismatch, Step};
pub use task::{Action, Frame, OpenCall, Process, State, Thread};

pub(crate) use arguments::Arguments;
pub(crate) use signals::kills;
use task::Activity;

use crate::event::{Event, Injected, Outcome, Task, What};
use crate::names::O_RDWR;

/// All that is known after some events.
#[derive(Debug, Clone, Default)]
pub struct Model {
    /// The threads, those that have ended included.
    pub threads: BTreeMap<Task, Thread>,
    /// The processes, each by its first thread.
    pub processes: BTreeMap<Task, Process>,
    /// The descriptor tables.
    pub tables: BTreeMap<u32, Table>,
    /// The open file descriptions.
    pub descriptions: BTreeMap<u32, Description>,
    /// The pipes, by number: 1 is the first that was made.
    pub pipes: BTreeMap<u32, Pipe>,
    /// The sockets, by number.
    pub sockets: BTreeMap<u32, Socket>,
    /// What the eventfds have come to, by number.
    pub eventfds: BTreeMap<u32, Channel>,
    last_table: u32,
    last_description: u32,
    next_step: u64,
    bound: resync::Bound,
    /// Nobody chose who runs: several did at once.
    free: bool,
    /// The step at which the call has begun that returns.
    since: u64,
    /// What others have done already with what it has opened.
    early: early::Early,
    /// The descriptions that were there before the program.
    inherited: BTreeSet<u32>,
    changes: Vec<Change>,
    complaint: Option<String>,
    /// The locks that are held on files.
    locks: Vec<locks::Lock>,
    /// Whose connection the `accept` of a task returns, where that was told.
    clients: BTreeMap<Task, Task>,
}

impl Model {
    /// What is known before the first event: nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Follows one event.
    ///
    /// # Errors
    /// The event can't have happened after those before it: more bytes were read than were written,
    /// a process was reaped that has not ended. What can be followed of it has been, so one may go
    /// on with the next.
    pub fn apply(&mut self, event: &Event) -> Result<Step, Mismatch> {
        if event.step < self.next_step {
            self.expect(format!("expected step {} or a later one", self.next_step));
        }
        self.next_step = event.step + 1;
        if !matches!(event.what, What::Descriptors { .. }) {
            self.bound.moment_is_over();
        }
        self.follow(event.task, &event.what);
        let changes = std::mem::take(&mut self.changes);
        match self.complaint.take() {
            None => Ok(Step { number: event.step, changes }),
            Some(expected) => {
                Err(Mismatch { step: event.step, task: event.task, expected, changes })
            }
        }
    }

    /// What a thread is doing; `None` for one that was never heard of.
    #[must_use]
    pub fn state(&self, task: Task) -> Option<State> {
        let thread = self.threads.get(&task)?;
        let process = self.processes.get(&thread.process)?;
        Some(match thread.activity {
            // One thread of several has nobody who would ask after it.
            Activity::Ended(status) if process.reaped || task != thread.process => {
                State::Reaped(status)
            }
            Activity::Ended(status) => State::Zombie(process.status.unwrap_or(status)),
            _ if process.stopped.is_some() => State::Stopped(process.stopped.unwrap_or_default()),
            Activity::Sleeping => State::Sleeping,
            Activity::Held => State::Held,
            Activity::Running if thread.handlers.is_empty() => State::Running,
            Activity::Running => {
                State::InHandler(thread.handlers.iter().map(|frame| frame.signal).collect())
            }
        })
    }

    /// The process that a task belongs to, by its first thread.
    #[must_use]
    pub fn process_of(&self, task: Task) -> Task {
        self.threads.get(&task).map_or(task, |thread| thread.process)
    }

    fn follow(&mut self, task: Task, what: &What) {
        if !matches!(what, What::Begin { .. } | What::Born { .. } | What::End | What::Stuck)
            && !self.threads.contains_key(&task)
        {
            return self.expect(format!("expected that {task} was made before it does anything"));
        }
        if matches!(what, What::Enter { .. } | What::Leave { .. } | What::HandlerReturns)
            && let Some(thread) = self.threads.get_mut(&task)
        {
            thread.takes = None;
        }
        match what {
            What::Begin { argv, policy, .. } => {
                self.free = policy == "free";
                self.begins(task, argv);
            }
            What::Born { parent, process, shares_files, maker_waits, sibling } => {
                self.born(task, *parent, *process, *shares_files, *maker_waits);
                if *sibling {
                    self.has_its_maker_s_parent(task, *parent);
                }
            }
            What::Enter { name, arguments, line } => {
                self.entered(task, name, arguments, line.as_ref());
            }
            What::Sleeps => self.sleeps(task),
            What::Held => self.set(task, Activity::Held),
            What::Runs => self.set(task, Activity::Running),
            What::Pidfd { number, of } => {
                self.open(task, (*number).into(), Kind::PidFd(Some(*of)), O_RDWR, true);
            }
            What::Connected { by } => _ = self.clients.insert(task, *by),
            What::Leave { name, result, arguments } => {
                self.returned(task, name, arguments, result);
            }
            What::Exec { path, .. } => self.exec(task, path),
            What::Signalled { signal, by } => self.signalled(task, *signal, *by),
            What::Delivered { signal, disposition } => {
                self.delivered(task, *signal, *disposition);
            }
            What::HandlerReturns => self.handler_returns(task),
            What::Stopped { signal } => self.stopped(task, Some(*signal)),
            What::Continued => self.stopped(task, None),
            What::Ended { status } => self.ended(task, *status),
            What::Reaped { by } => self.reaped(task, *by),
            What::Descriptors { table } => self.resync(task, table),
            What::Injected { call, deed } => self.injected(task, call, deed),
            What::Stuck | What::End => {}
        }
    }

    fn entered(
        &mut self,
        task: Task,
        name: &str,
        arguments: &[crate::Argument],
        line: Option<&String>,
    ) {
        self.must_live(task);
        let Some(thread) = self.threads.get_mut(&task) else { return };
        thread.activity = Activity::Running;
        let call = OpenCall {
            name: name.to_owned(),
            arguments: arguments.to_vec(),
            line: line.cloned(),
            made: None,
            waits_for_made: false,
            done: false,
            not_made: false,
            since: self.next_step,
            early: early::Early::default(),
        };
        if let Some(open) = thread.call.replace(call) {
            self.expect(format!("expected {} to return before {name} begins", open.name));
        }
        self.blocks_instead(task, name, &Arguments(arguments));
        self.offer(task, name, &Arguments(arguments));
    }

    fn returned(&mut self, task: Task, name: &str, out: &[crate::Argument], result: &Outcome) {
        self.must_live(task);
        let Some(thread) = self.threads.get_mut(&task) else { return };
        thread.activity = Activity::Running;
        let Some(mut call) = thread.call.take().filter(|call| call.name == name) else {
            return self.expect(format!("expected {name} to begin before it returns"));
        };
        self.blocks_again(task, result);
        self.early = std::mem::take(&mut call.early);
        self.since = call.since;
        let arguments = if out.is_empty() { &call.arguments } else { out };
        self.take_effect(task, &call, &Arguments(arguments), result);
        self.has_explained(task);
    }

    fn injected(&mut self, task: Task, name: &str, deed: &Injected) {
        let Some(thread) = self.threads.get_mut(&task) else { return };
        let entered = thread.call.as_mut().filter(|call| call.name == name);
        match (deed, entered) {
            (Injected::Fails(_), Some(call)) => call.not_made = true,
            (Injected::Short(_), Some(_)) | (Injected::Signal(_) | Injected::Holds, _) => {}
            (Injected::Fails(_) | Injected::Short(_), None) => {
                self.expect(format!("expected {name} to begin before something is done to it"));
            }
        }
    }

    fn sleeps(&mut self, task: Task) {
        self.set(task, Activity::Sleeping);
        match self.threads.get(&task).map(|thread| thread.call.clone()) {
            Some(None) => self.expect("expected that it sleeps in a call".into()),
            Some(Some(call)) => self.gives_lock_up(task, &call),
            None => {}
        }
    }

    fn set(&mut self, task: Task, activity: Activity) {
        self.must_live(task);
        if let Some(thread) = self.threads.get_mut(&task)
            && thread.lives()
        {
            thread.activity = activity;
        }
    }

    fn must_live(&mut self, task: Task) {
        if self.threads.get(&task).is_some_and(|thread| !thread.lives()) {
            self.expect("expected nothing more of a task that has ended".into());
        }
    }

    /// The first of an event's complaints is told.
    fn expect(&mut self, expected: String) {
        self.complaint.get_or_insert(expected);
    }
}
