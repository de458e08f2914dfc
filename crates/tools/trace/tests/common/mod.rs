//! Recordings written by hand, a line a call.

#![allow(dead_code, reason = "each test file uses some of it")]

use trace::event::{Descriptor, Disposition, Outcome, Status};
use trace::{Argument, Event, Model, Task, What};

pub(crate) const P1: Task = Task(1);
pub(crate) const P2: Task = Task(2);
pub(crate) const P3: Task = Task(3);

pub(crate) const O_CLOEXEC: u64 = 0o2_000_000;
pub(crate) const O_NONBLOCK: u64 = 0o4000;

pub(crate) use Argument::{Descriptor as Fd, Flags, Number as Num};

/// A recording, and a way to write one.
pub(crate) struct Recording(pub(crate) Vec<Event>);

impl Recording {
    pub(crate) fn new() -> Self {
        let argv = vec!["/bin/program".to_owned()];
        let begin =
            What::Begin { version: trace::event::VERSION, argv, policy: "free".into(), seed: 0 };
        Self(Vec::new()).add(P1, begin)
    }

    /// Begins with a pipe: 3 is read, 4 is written.
    pub(crate) fn with_pipe(flags: u64) -> Self {
        Self::new().pipe(P1, 3, 4, flags)
    }

    pub(crate) fn add(mut self, task: Task, what: What) -> Self {
        self.0.push(Event { step: self.0.len() as u64, task, what });
        self
    }

    pub(crate) fn enter(self, task: Task, name: &str, arguments: &[Argument]) -> Self {
        let line = None;
        self.add(task, What::Enter { name: name.into(), arguments: arguments.to_vec(), line })
    }

    pub(crate) fn leave(
        self,
        task: Task,
        name: &str,
        arguments: &[Argument],
        result: Outcome,
    ) -> Self {
        self.add(task, What::Leave { name: name.into(), result, arguments: arguments.to_vec() })
    }

    /// A call that begins and returns at once.
    pub(crate) fn call(self, task: Task, name: &str, arguments: &[Argument], value: i64) -> Self {
        self.enter(task, name, arguments).leave(task, name, arguments, Outcome::Value(value))
    }

    pub(crate) fn fails(self, task: Task, name: &str, arguments: &[Argument], error: &str) -> Self {
        let result = Outcome::Error(error.into());
        self.enter(task, name, arguments).leave(task, name, arguments, result)
    }

    pub(crate) fn sleeps(self, task: Task) -> Self {
        self.add(task, What::Sleeps)
    }

    pub(crate) fn pipe(self, task: Task, read: i32, write: i32, flags: u64) -> Self {
        self.enter(task, "pipe2", &[Argument::Out, Flags(flags)]).leave(
            task,
            "pipe2",
            &[Argument::Descriptors(vec![read, write]), Flags(flags)],
            Outcome::Value(0),
        )
    }

    /// Two sockets that are joined.
    pub(crate) fn sockets(self, task: Task, one: i32, other: i32) -> Self {
        let asked = [Num(1), Flags(1), Num(0)];
        let out = |last: Argument| [&asked[..], &[last]].concat();
        self.enter(task, "socketpair", &out(Argument::Out)).leave(
            task,
            "socketpair",
            &out(Argument::Descriptors(vec![one, other])),
            Outcome::Value(0),
        )
    }

    pub(crate) fn fork(self, parent: Task, child: Task) -> Self {
        self.enter(parent, "fork", &[])
            .add(
                child,
                What::Born {
                    parent,
                    process: child,
                    shares_files: false,
                    maker_waits: false,
                    sibling: false,
                },
            )
            .leave(parent, "fork", &[], Outcome::Task(child))
    }

    pub(crate) fn thread(self, maker: Task, thread: Task) -> Self {
        self.enter(maker, "clone", &[Flags(0x10f00)])
            .add(
                thread,
                What::Born {
                    parent: maker,
                    process: maker,
                    shares_files: true,
                    maker_waits: false,
                    sibling: false,
                },
            )
            .leave(maker, "clone", &[Flags(0x10f00)], Outcome::Task(thread))
    }

    pub(crate) fn write(self, task: Task, fd: i32, text: &str) -> Self {
        let bytes = text.len();
        let arguments = [Fd(fd), said(text), Num(bytes as i64)];
        self.call(task, "write", &arguments, bytes as i64)
    }

    /// A read that asks for 64 bytes and gets these.
    pub(crate) fn read(self, task: Task, fd: i32, text: &str) -> Self {
        self.enter(task, "read", &[Fd(fd), Argument::Out, Num(64)]).got(task, fd, text)
    }

    /// The return of such a read.
    pub(crate) fn got(self, task: Task, fd: i32, text: &str) -> Self {
        let arguments = [Fd(fd), said(text), Num(64)];
        self.leave(task, "read", &arguments, Outcome::Value(text.len() as i64))
    }

    /// A read that begins, and sleeps.
    pub(crate) fn reads(self, task: Task, fd: i32) -> Self {
        self.enter(task, "read", &[Fd(fd), Argument::Out, Num(64)]).sleeps(task)
    }

    pub(crate) fn close(self, task: Task, fd: i32) -> Self {
        self.call(task, "close", &[Fd(fd)], 0)
    }

    pub(crate) fn exec(self, task: Task, path: &str) -> Self {
        let arguments =
            [Argument::Path(path.into()), Argument::Strings(vec![path.into()]), Argument::Opaque];
        let argv = vec![path.to_owned()];
        self.enter(task, "execve", &arguments)
            .add(task, What::Exec { path: path.into(), argv })
            .leave(task, "execve", &arguments, Outcome::Value(0))
    }

    pub(crate) fn exit(self, task: Task, code: u8) -> Self {
        self.enter(task, "exit_group", &[Num(code.into())])
            .add(task, What::Ended { status: Status::Code(code) })
    }

    pub(crate) fn waits(self, task: Task) -> Self {
        self.enter(task, "wait4", &[Num(-1), Argument::Out, Flags(0), Argument::Opaque])
    }

    /// The return of such a wait, and what goes with it.
    pub(crate) fn reaps(self, task: Task, child: Task, code: u8) -> Self {
        let status = Argument::Status(Status::Code(code));
        self.add(child, What::Reaped { by: Some(task) }).leave(
            task,
            "wait4",
            &[Num(-1), status, Flags(0), Argument::Opaque],
            Outcome::Task(child),
        )
    }

    pub(crate) fn signalled(self, task: Task, signal: i32, by: Option<Task>) -> Self {
        self.add(task, What::Signalled { signal, by })
    }

    pub(crate) fn handled(self, task: Task, signal: i32) -> Self {
        self.add(task, What::Delivered { signal, disposition: Disposition::Handler })
    }

    pub(crate) fn sets_handler(self, task: Task, signal: i32, mask: &[i32]) -> Self {
        let action = Argument::Action(Disposition::Handler, false, mask.to_vec());
        self.call(task, "rt_sigaction", &[Argument::Signal(signal), action, Argument::Opaque], 0)
    }

    pub(crate) fn descriptors(self, task: Task, table: &[(i32, &str, u32, bool, u32)]) -> Self {
        self.add(task, What::Descriptors { table: rows(table) })
    }

    /// What the model knows at the end. Nothing before it may be impossible.
    #[track_caller]
    pub(crate) fn model(&self) -> Model {
        let mut model = Model::new();
        for event in &self.0 {
            if let Err(mismatch) = model.apply(event) {
                panic!("{mismatch}");
            }
        }
        model
    }

    /// What the model says against the first event that it can't follow.
    #[track_caller]
    pub(crate) fn complaint(&self) -> String {
        let mut model = Model::new();
        let found = self.0.iter().find_map(|event| model.apply(event).err());
        found.expect("the model has followed everything").to_string()
    }
}

pub(crate) fn rows(table: &[(i32, &str, u32, bool, u32)]) -> Vec<Descriptor> {
    let row = |&(number, name, description, close_on_exec, flags): &(i32, &str, u32, bool, u32)| {
        Descriptor { number, leads_to: name.to_owned(), description, close_on_exec, flags }
    };
    table.iter().map(row).collect()
}

pub(crate) fn said(text: &str) -> Argument {
    Argument::Bytes(text.into(), text.len() as u64)
}

/// The open descriptors of a task, without the usual three.
pub(crate) fn open(model: &Model, task: Task) -> Vec<i32> {
    let table = model.table(task);
    table
        .map(|table| table.slots.keys().copied().filter(|fd| *fd > 2).collect())
        .unwrap_or_default()
}

/// The descriptors of a task that exec closes.
pub(crate) fn cloexec(model: &Model, task: Task) -> Vec<i32> {
    let slots = model.table(task).into_iter().flat_map(|table| &table.slots);
    slots.filter(|(_, slot)| slot.close_on_exec).map(|(fd, _)| *fd).collect()
}

/// Whether two descriptors lead to one open file description.
pub(crate) fn alike(model: &Model, one: (Task, i32), other: (Task, i32)) -> bool {
    let description = |(task, fd)| model.slot(task, fd).map(|slot| slot.description);
    description(one).is_some() && description(one) == description(other)
}
