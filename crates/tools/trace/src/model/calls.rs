//! What a call has changed when it returns: descriptors, and all that is not bytes or sockets.

use super::channel::Channel;
use super::files::Kind;
use super::{Arguments, Model, OpenCall};
use crate::event::{Outcome, Task};
use crate::names::{O_ACCMODE, O_CLOEXEC, O_NONBLOCK, O_RDWR};

const F_DUPFD: i64 = 0;
const F_SETFD: i64 = 2;
const F_SETFL: i64 = 4;
const F_DUPFD_CLOEXEC: i64 = 1030;
const FIONBIO: i64 = 0x5421;
const FIONCLEX: i64 = 0x5450;
const FIOCLEX: i64 = 0x5451;
/// A terminal's other end.
const TIOCGPTPEER: i64 = 0x5441;
const O_PATH: u64 = 0o10_000_000;
const CLONE_FILES: u64 = 0x400;
const CLOSE_RANGE_UNSHARE: u64 = 2;
const CLOSE_RANGE_CLOEXEC: u64 = 4;
const PR_SET_CHILD_SUBREAPER: i64 = 36;

impl Model {
    pub(super) fn take_effect(
        &mut self,
        task: Task,
        call: &OpenCall,
        arguments: &Arguments<'_>,
        result: &Outcome,
    ) {
        let value = match result {
            Outcome::Value(value) => *value,
            Outcome::Task(_) => return self.waited(arguments, result),
            Outcome::Error(_) | Outcome::Interrupted => return self.failed(task, call, result),
        };
        if !call.done && !self.opens(task, &call.name, arguments, value) {
            self.changes_table(task, &call.name, arguments, value);
        }
        self.moves_bytes(task, &call.name, arguments, value);
        self.joins(task, &call.name, arguments, value);
        self.sets_signals(task, &call.name, arguments, value);
        self.locks_files(task, &call.name, arguments);
        if call.name == "prctl" && arguments.number(0) == Some(PR_SET_CHILD_SUBREAPER) {
            let process = self.process_of(task);
            if let Some(process) = self.processes.get_mut(&process) {
                process.subreaper = true;
            }
        }
    }

    /// A call that failed has changed nothing, with one exception: `close` lets go before it knows
    /// what else goes wrong.
    fn failed(&mut self, task: Task, call: &OpenCall, result: &Outcome) {
        let arguments = Arguments(&call.arguments);
        let bad = matches!(result, Outcome::Error(name) if name == "EBADF");
        if call.name == "close"
            && !bad
            && !call.done
            && !call.not_made
            && let Some(fd) = arguments.fd(0)
        {
            self.close(task, fd);
            self.has_changed(task, fd);
        }
        if !call.not_made {
            self.gives_lock_up(task, call);
        }
        self.withdraw(task, call, result);
    }

    /// Calls that make a new description and return its number.
    fn opens(&mut self, task: Task, name: &str, arguments: &Arguments<'_>, value: i64) -> bool {
        let flags = |index| arguments.flags(index);
        let path = |index| arguments.path(index).unwrap_or("a file").to_owned();
        let (kind, bits) = match name {
            "open" => (self.opened_kind(task, arguments, &path(0), flags(1)), flags(1)),
            "openat" => (self.opened_kind(task, arguments, &path(1), flags(2)), flags(2)),
            "openat2" => (Kind::File(path(1)), flags(2)),
            "creat" => (Kind::File(path(0)), 1),
            "memfd_create" => {
                // MFD_CLOEXEC is 1.
                let cloexec = if flags(1) & 1 != 0 { O_CLOEXEC } else { 0 };
                (Kind::File(format!("memory:{}", path(0))), O_RDWR | cloexec)
            }
            "eventfd2" | "eventfd" => {
                let count = Channel::holding(arguments.number(0).unwrap_or(0) as u64);
                // EFD_SEMAPHORE is 1, and no status flag.
                let bits = if name == "eventfd2" { flags(1) } else { 0 };
                (self.next_eventfd(count), bits & (O_NONBLOCK | O_CLOEXEC) | O_RDWR)
            }
            "timerfd_create" => (Kind::TimerFd, flags(1) | O_RDWR),
            "signalfd4" if arguments.fd(0) == Some(-1) => (Kind::SignalFd, flags(3) | O_RDWR),
            "signalfd" if arguments.fd(0) == Some(-1) => (Kind::SignalFd, O_RDWR),
            "epoll_create1" => (Kind::Epoll, flags(0) | O_RDWR),
            "epoll_create" => (Kind::Epoll, O_RDWR),
            "inotify_init1" => (Kind::Other("inotify".into()), flags(0)),
            "inotify_init" => (Kind::Other("inotify".into()), 0),
            "pidfd_open" => (Kind::PidFd(arguments.task(0)), flags(1) | O_CLOEXEC | O_RDWR),
            "pipe" | "pipe2" => {
                let bits = if name == "pipe2" { flags(1) } else { 0 };
                self.makes_pipe(task, arguments, bits);
                return true;
            }
            "ioctl" if arguments.number(1) == Some(TIOCGPTPEER) => (Kind::File(path(3)), flags(2)),
            _ => match rare(name, arguments) {
                Some(found) => found,
                None => return false,
            },
        };
        // With O_PATH, most other flags mean nothing, and the kernel drops them.
        let status = if bits & O_PATH != 0 { O_PATH } else { bits & !O_CLOEXEC };
        self.open(task, value, kind, status, bits & O_CLOEXEC != 0);
        if name.starts_with("signalfd")
            && let Some(id) = self.slot(task, value as i32).map(|slot| slot.description)
            && let Some(description) = self.descriptions.get_mut(&id)
        {
            description.signals = arguments.signals().unwrap_or_default().iter().copied().collect();
        }
        true
    }

    fn makes_pipe(&mut self, task: Task, arguments: &Arguments<'_>, bits: u64) {
        let Some((read, write)) = arguments.pair() else { return };
        let number = self.next_pipe();
        let (status, cloexec) = (bits & !O_CLOEXEC, bits & O_CLOEXEC != 0);
        self.open(task, read.into(), Kind::ReadEnd(number), status, cloexec);
        self.open(task, write.into(), Kind::WriteEnd(number), status | 1, cloexec);
    }

    /// Calls that close numbers, copy them, or change what is said of them.
    fn changes_table(&mut self, task: Task, name: &str, arguments: &Arguments<'_>, value: i64) {
        if name == "unshare" && arguments.flags(0) & CLONE_FILES != 0 {
            return self.unshare(task);
        }
        let Some(fd) = arguments.fd(0) else { return };
        match name {
            "close" => {
                let known = self.slot(task, fd).is_some() || self.is_doubtful(task, fd);
                if !known && !self.closed_early(task, fd) {
                    self.expect(format!("expected EBADF: descriptor {fd} is not open"));
                }
                self.close(task, fd);
                self.has_changed(task, fd);
            }
            "close_range" => self.close_range(task, arguments),
            "dup" => self.copies(task, fd, value, false, false),
            "dup2" => self.copies(task, fd, value, false, true),
            "dup3" => self.copies(task, fd, value, arguments.flags(2) & O_CLOEXEC != 0, true),
            "fcntl" => match arguments.number(1) {
                Some(F_DUPFD) => self.copies(task, fd, value, false, false),
                Some(F_DUPFD_CLOEXEC) => self.copies(task, fd, value, true, false),
                Some(F_SETFD) => self.set_close_on_exec(task, fd, arguments.flags(2) & 1 != 0),
                Some(F_SETFL) => self.set_flags(task, fd, arguments.flags(2)),
                _ => {}
            },
            "ioctl" => match arguments.number(1) {
                Some(FIOCLEX) => self.set_close_on_exec(task, fd, true),
                Some(FIONCLEX) => self.set_close_on_exec(task, fd, false),
                // Where nobody could look what stands there, it is on: hardly anybody turns it off.
                Some(FIONBIO) => {
                    let on = arguments.number(2) != Some(0);
                    let flags = self.description(task, fd).map_or(0, |found| found.flags);
                    let rest = flags & !O_NONBLOCK;
                    self.set_flags(task, fd, if on { rest | O_NONBLOCK } else { rest });
                }
                _ => {}
            },
            "pidfd_getfd" => {
                let other = match self.kind(task, fd) {
                    Some(Kind::PidFd(Some(other))) => *other,
                    _ => return,
                };
                let slot = arguments.fd(1).and_then(|fd| self.slot(other, fd));
                if let Some(slot) = slot {
                    self.install(task, value as i32, slot.description, true);
                }
            }
            "epoll_ctl" => self.watches(task, fd, arguments),
            _ => {}
        }
    }

    /// The same description, another number. The new one is close-on-exec only where that was asked.
    fn copies(&mut self, task: Task, fd: i32, value: i64, close_on_exec: bool, replaces: bool) {
        let new = value as i32;
        let Some(slot) = self.slot(task, fd).or_else(|| self.copied_early(task, fd)) else {
            return self.expect(format!("expected EBADF: descriptor {fd} is not open"));
        };
        if new == fd {
            return;
        }
        if replaces {
            self.close(task, new);
            self.replaced_early(task, new);
        }
        self.install(task, new, slot.description, close_on_exec);
        self.copied_in_doubt(task, fd, new);
    }

    fn close_range(&mut self, task: Task, arguments: &Arguments<'_>) {
        let bound = |index| i32::try_from(arguments.flags(index) as u32).unwrap_or(i32::MAX);
        let (first, last, flags) = (bound(0), bound(1), arguments.flags(2));
        if flags & CLOSE_RANGE_UNSHARE != 0 {
            self.unshare(task);
        }
        if flags & CLOSE_RANGE_CLOEXEC == 0 {
            self.swept_early(task, &(first..=last));
        }
        let Some(table) = self.table(task) else { return };
        let found: Vec<i32> = table.slots.range(first..=last).map(|(fd, _)| *fd).collect();
        for fd in found {
            if flags & CLOSE_RANGE_CLOEXEC == 0 {
                self.close(task, fd);
                self.has_changed(task, fd);
            } else {
                self.set_close_on_exec(task, fd, true);
            }
        }
    }

    fn set_close_on_exec(&mut self, task: Task, fd: i32, on: bool) {
        if let Some(slot) = self.table_mut(task).and_then(|table| table.slots.get_mut(&fd)) {
            slot.close_on_exec = on;
        }
    }

    /// All who share the description see it. The access mode stays.
    fn set_flags(&mut self, task: Task, fd: i32, flags: u64) {
        let Some(slot) = self.slot(task, fd) else { return };
        if let Some(description) = self.descriptions.get_mut(&slot.description) {
            description.flags = description.flags & O_ACCMODE | flags & !(O_ACCMODE | O_CLOEXEC);
        }
    }

    fn watches(&mut self, task: Task, epoll: i32, arguments: &Arguments<'_>) {
        const ADD: i64 = 1;
        const DEL: i64 = 2;
        let (Some(epoll), Some(fd)) = (self.slot(task, epoll), arguments.fd(2)) else { return };
        let watched = self.slot(task, fd).map(|slot| slot.description);
        let Some(epoll) = self.descriptions.get_mut(&epoll.description) else { return };
        match (arguments.number(1), watched) {
            (Some(ADD), Some(watched)) => {
                epoll.watches.insert(fd, watched);
            }
            (Some(DEL), _) => {
                epoll.watches.remove(&fd);
            }
            _ => {}
        }
    }
}

/// The commands of bpf(2) that return a descriptor: of a map, a program, an object with a path or an id, a tracepoint, a
/// type, a link or an iterator.
const BPF_MAKERS: [u64; 12] = [0, 5, 7, 13, 14, 17, 18, 19, 28, 30, 33, 36];

/// What is rarely made, with its flags: nothing of it is drawn but that it is there.
fn rare(name: &str, arguments: &Arguments<'_>) -> Option<(Kind, u64)> {
    let flags = |index| arguments.flags(index);
    let path = |index| arguments.path(index).unwrap_or("a file").to_owned();
    let other = |name: &str, bits| Some((Kind::Other(name.into()), bits));
    // Where the flag for it is another than everywhere else.
    let closed_if = |asked: bool| if asked { O_CLOEXEC } else { 0 };
    match name {
        "open_tree" => Some((Kind::File(path(1)), O_PATH | flags(2) & O_CLOEXEC)),
        // Each has its own 1 for that.
        "fsopen" => other("a filesystem's settings", closed_if(flags(1) & 1 != 0) | O_RDWR),
        "fspick" => other("a filesystem's settings", closed_if(flags(2) & 1 != 0) | O_RDWR),
        "fsmount" => Some((Kind::File("a mount".into()), O_PATH | closed_if(flags(1) & 1 != 0))),
        "open_by_handle_at" => Some((Kind::File("a file".into()), flags(2))),
        // PERF_FLAG_FD_CLOEXEC is 8.
        "perf_event_open" => other("perf events", closed_if(flags(4) & 8 != 0) | O_RDWR),
        "bpf" if BPF_MAKERS.contains(&flags(0)) => other("bpf", O_CLOEXEC | O_RDWR),
        // SECCOMP_SET_MODE_FILTER is 1, SECCOMP_FILTER_FLAG_NEW_LISTENER is 8.
        "seccomp" if flags(0) == 1 && flags(1) & 8 != 0 => other("seccomp", O_CLOEXEC | O_RDWR),
        "mq_open" => {
            let queue = format!("message queue /{}", arguments.path(0).unwrap_or_default());
            other(&queue, flags(1) & (O_ACCMODE | O_NONBLOCK) | O_CLOEXEC)
        }
        "io_uring_setup" => other("an io_uring", O_CLOEXEC | O_RDWR),
        // FAN_CLOEXEC is 1, FAN_NONBLOCK is 2.
        "fanotify_init" => {
            let cloexec = closed_if(flags(0) & 1 != 0);
            let nonblock = if flags(0) & 2 != 0 { O_NONBLOCK } else { 0 };
            other("fanotify", cloexec | nonblock | O_RDWR)
        }
        "userfaultfd" => other("userfaultfd", flags(0) & (O_CLOEXEC | O_NONBLOCK)),
        "memfd_secret" => other("secret memory", flags(0) & O_CLOEXEC | O_RDWR),
        // With flags, it only tells its version.
        "landlock_create_ruleset" if flags(2) == 0 => other("a ruleset", O_CLOEXEC | O_RDWR),
        _ => None,
    }
}
