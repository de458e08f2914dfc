//! The arguments of a call: registers, and what they point to in the task's memory.

use nix::unistd::Pid;
use trace::Task;
use trace::call::{Argument, Kind};
use trace::event::{Disposition, Status};

use crate::files;
use crate::look;
use crate::memory;
use crate::names::Names;
use crate::pointed;

/// How many bytes of a text are shown.
const SHOWN: usize = 96;
/// A pid takes more room than a task's name, so a little more is read than is shown.
pub(crate) const READ: usize = SHOWN + 32;

/// Whose memory it is, and what its pids mean.
pub(crate) struct Reader<'a> {
    pub(crate) pid: Pid,
    pub(crate) names: &'a Names,
}

impl Reader<'_> {
    /// What goes in.
    pub(crate) fn enter(&self, kinds: &[Kind], args: &[u64; 6]) -> Vec<Argument> {
        kinds.iter().enumerate().map(|(at, &kind)| self.going_in(kind, at, args)).collect()
    }

    /// Adds what has come out.
    pub(crate) fn leave(
        &self,
        kinds: &[Kind],
        args: &[u64; 6],
        result: i64,
        arguments: &mut [Argument],
    ) {
        for (at, (kind, argument)) in kinds.iter().zip(arguments).enumerate() {
            if let Some(out) = self.coming_out(*kind, at, args, result) {
                *argument = out;
            }
        }
    }

    fn going_in(&self, kind: Kind, at: usize, args: &[u64; 6]) -> Argument {
        let (value, next) = (args[at], args.get(at + 1).copied().unwrap_or_default());
        let pid = self.pid;
        match kind {
            Kind::Number => Argument::Number(number(value)),
            Kind::Descriptor => Argument::Descriptor(value as i32),
            Kind::Flags => Argument::Flags(u64::from(value as u32)),
            Kind::Signal => Argument::Signal(value as i32),
            Kind::Child if args[at - 1] == u64::from(libc::P_PIDFD) => {
                Argument::Descriptor(value as i32)
            }
            Kind::Task | Kind::Child => self.task(value as i32),
            Kind::Opaque => Argument::Opaque,
            _ if value == 0 => Argument::Null,
            Kind::Path => memory::string(pid, value)
                .map_or(Argument::Opaque, |path| Argument::Path(self.names.in_text(&path))),
            Kind::Strings => {
                let strings = memory::strings(pid, value);
                Argument::Strings(strings.iter().map(|text| self.names.in_text(text)).collect())
            }
            Kind::BytesIn(length) => self.bytes(args[0], value, args[length]),
            Kind::PiecesIn => self.pieces(args[0], value, next, u64::MAX),
            Kind::SignalsIn => memory::long(pid, value)
                .map_or(Argument::Opaque, |set| Argument::Signals(look::members(set))),
            Kind::Action => self.action(value).unwrap_or(Argument::Opaque),
            Kind::Set => Argument::Set(pointed::set(pid, value, args[0])),
            Kind::Polled => Argument::Polled(pointed::polled(pid, value, next)),
            Kind::Timespec => self.time(value, 1),
            Kind::Timeval => self.time(value, 1000),
            Kind::AddressIn => pointed::address(pid, value, next)
                .map_or(Argument::Opaque, |address| {
                    Argument::Address(self.names.in_text(&address))
                }),
            Kind::MessageIn => self.message(args[0], value, u64::MAX),
            Kind::MessagesIn => self.messages(value, next, false),
            Kind::BytesOut
            | Kind::PiecesOut
            | Kind::PairOut
            | Kind::AddressOut
            | Kind::SignalsOut
            | Kind::StatusOut
            | Kind::MessageOut
            | Kind::MessagesOut => Argument::Out,
        }
    }

    /// `None`: nothing comes out here.
    fn coming_out(&self, kind: Kind, at: usize, args: &[u64; 6], result: i64) -> Option<Argument> {
        let (value, next) = (args[at], args.get(at + 1).copied().unwrap_or_default());
        let count = u64::try_from(result).ok()?;
        if value == 0 {
            return None;
        }
        Some(match kind {
            Kind::BytesOut => match self.taken_signals(args[0], value, count) {
                Some(signals) => Argument::Bytes(signals, count),
                None => self.bytes(args[0], value, count),
            },
            Kind::AddressOut => {
                let length = memory::int(self.pid, next)?;
                let address = pointed::address(self.pid, value, length.try_into().ok()?)?;
                Argument::Address(self.names.in_text(&address))
            }
            Kind::PiecesOut => self.pieces(args[0], value, next, count),
            Kind::MessageOut => self.message(args[0], value, count),
            Kind::MessagesIn | Kind::MessagesOut => self.messages(value, count, true),
            Kind::PairOut => Argument::Descriptors(vec![
                memory::int(self.pid, value)?,
                memory::int(self.pid, value + 4)?,
            ]),
            Kind::SignalsOut => Argument::Signals(look::members(memory::long(self.pid, value)?)),
            Kind::StatusOut if count > 0 => status(memory::int(self.pid, value)?),
            Kind::Set => Argument::Set(pointed::set(self.pid, value, args[0])),
            Kind::Polled => Argument::Polled(pointed::polled(self.pid, value, next)),
            _ => return None,
        })
    }

    /// A process, or a group, by its leader; 0 and -1 as they are.
    fn task(&self, id: i32) -> Argument {
        let named = |id| self.names.task(Pid::from_raw(id));
        match id {
            1.. => Argument::Task(named(id)),
            -1 | 0 => Argument::Number(id.into()),
            group => Argument::Group(named(group.wrapping_neg())),
        }
    }

    fn bytes(&self, fd: u64, address: u64, length: u64) -> Argument {
        let length_to_read = usize::try_from(length).map_or(READ, |length| length.min(READ));
        self.moved(fd, &memory::read(self.pid, address, length_to_read), length)
    }

    /// The first of the bytes that go to a descriptor or come from it, and how many they are; or what an
    /// eventfd counts.
    fn moved(&self, fd: u64, bytes: &[u8], length: u64) -> Argument {
        let is_eventfd =
            || files::leads_to(self.pid, fd as i32).is_some_and(|it| it == "anon_inode:[eventfd]");
        match bytes.try_into().map(u64::from_ne_bytes) {
            Ok(count) if length == 8 && is_eventfd() => Argument::Count(count),
            _ => Argument::Bytes(self.text(bytes), length),
        }
    }

    /// What was read from a signalfd, in words: pids and times are in it.
    fn taken_signals(&self, from: u64, address: u64, count: u64) -> Option<String> {
        const SIZE: u64 = size_of::<libc::signalfd_siginfo>() as u64;
        let many = count / SIZE;
        if many == 0
            || !count.is_multiple_of(SIZE)
            || files::leads_to(self.pid, from as i32)? != "anon_inode:[signalfd]"
        {
            return None;
        }
        let info = (0..many).map(|at| {
            let field = |offset| memory::int(self.pid, address + at * SIZE + offset);
            let sender = self.names.task(Pid::from_raw(field(12)?));
            Some(format!("{} {sender}", trace::names::signal(field(0)?)))
        });
        Some(info.collect::<Option<Vec<_>>>()?.join(", "))
    }

    /// The first of some bytes, as text. Four that are a task's id are its name.
    pub(crate) fn text(&self, bytes: &[u8]) -> String {
        if let Ok(id) = bytes.try_into().map(i32::from_ne_bytes)
            && let named @ Task(1..) = self.names.task(Pid::from_raw(id))
        {
            return named.to_string();
        }
        let text = self.names.in_text(&String::from_utf8_lossy(bytes));
        let end = (0..=SHOWN.min(text.len())).rev().find(|&end| text.is_char_boundary(end));
        text[..end.unwrap_or_default()].to_string()
    }

    /// What pieces hold, of which `limit` bytes count.
    pub(crate) fn pieces(&self, fd: u64, address: u64, count: u64, limit: u64) -> Argument {
        let (bytes, length) = pointed::pieces(self.pid, address, count, limit, READ);
        self.moved(fd, &bytes, length)
    }

    /// A struct sigaction as the kernel has it: handler, flags, restorer, mask.
    fn action(&self, address: u64) -> Option<Argument> {
        let field = |offset| memory::long(self.pid, address + offset);
        let disposition = match field(0)? {
            0 => Disposition::Default,
            1 => Disposition::Ignore,
            _ => Disposition::Handler,
        };
        let restarts = field(8)? & libc::SA_RESTART as u64 != 0;
        Some(Argument::Action(disposition, restarts, look::members(field(24)?)))
    }

    fn time(&self, address: u64, unit: u64) -> Argument {
        let field = |offset| memory::long(self.pid, address + offset);
        let (Some(seconds), Some(rest)) = (field(0), field(8)) else { return Argument::Opaque };
        let rest = rest.wrapping_mul(unit);
        Argument::Time(seconds.saturating_mul(1_000_000_000).saturating_add(rest))
    }
}

/// A register as a number: an `int` that is negative leaves the upper half of it empty.
fn number(value: u64) -> i64 {
    match u32::try_from(value) {
        Ok(int) => i64::from(int as i32),
        Err(_) => value as i64,
    }
}

/// What wait4(2) tells.
fn status(status: i32) -> Argument {
    if libc::WIFEXITED(status) {
        Argument::Status(Status::Code(libc::WEXITSTATUS(status) as u8))
    } else if libc::WIFSIGNALED(status) {
        Argument::Status(Status::Signal(libc::WTERMSIG(status)))
    } else if libc::WIFSTOPPED(status) {
        Argument::Signal(libc::WSTOPSIG(status))
    } else {
        Argument::Signal(libc::SIGCONT)
    }
}
