//! What a message says: a struct msghdr, and the several of sendmmsg(2) and recvmmsg(2).

use trace::call::Argument;

use crate::decode::{READ, Reader};
use crate::{memory, pointed};

/// The size of a struct mmsghdr, which is a struct msghdr and how much of it was moved.
const SIZE: u64 = size_of::<libc::mmsghdr>() as u64;
/// So many the kernel takes at once.
const MOST: u64 = 1024;

impl Reader<'_> {
    /// The descriptors that go with a message, or else its bytes.
    pub(crate) fn message(&self, fd: u64, address: u64, limit: u64) -> Argument {
        let passed = pointed::passed(self.pid, address);
        if !passed.is_empty() {
            return Argument::Passed(passed);
        }
        let field = |offset| memory::long(self.pid, address + offset);
        match (field(16), field(24)) {
            (Some(pieces), Some(count)) => self.pieces(fd, pieces, count, limit),
            _ => Argument::Opaque,
        }
    }

    /// To whom a message goes, or from whom it has come: what a struct msghdr begins with.
    pub(crate) fn whose_message(&self, message: u64) -> Option<Argument> {
        let (name, length) =
            (memory::long(self.pid, message)?, memory::int(self.pid, message + 8)?);
        let address = pointed::address(self.pid, name, length.try_into().ok()?)?;
        Some(Argument::Address(self.names.in_text(&address)))
    }

    /// Several messages: how long each is, or, where they were moved, how much of it was, and whose it is.
    pub(crate) fn messages(&self, first: u64, count: u64, moved: bool) -> Argument {
        let messages = (0..count.min(MOST)).map(|at| first + at * SIZE).map(|message| {
            let length = if moved { self.moved_of(message) } else { self.length(message) };
            let address = self.whose_message(message).and_then(|address| match address {
                Argument::Address(address) => Some(address),
                _ => None,
            });
            (length, address)
        });
        Argument::Messages(messages.collect())
    }

    /// The first bytes of several messages, and how many there are in all.
    pub(crate) fn text_of_messages(&self, messages: &Argument, first: u64) -> Option<Argument> {
        let Argument::Messages(messages) = messages else { return None };
        let (mut text, mut total) = (Vec::new(), 0);
        for ((length, _), message) in messages.iter().zip((0..).map(|at| first + at * SIZE)) {
            text.extend(self.pieces_of(message, *length, READ - text.len()).0);
            total += length;
        }
        Some(Argument::Bytes(self.text(&text), total))
    }

    /// The descriptors that go with each of several messages: those with some, in their order.
    pub(crate) fn passed_with_messages(&self, count: u64, first: u64) -> Vec<Argument> {
        let messages = (0..count.min(MOST)).map(|at| first + at * SIZE);
        let passed = messages.map(|message| pointed::passed(self.pid, message));
        passed.filter(|passed| !passed.is_empty()).map(Argument::Passed).collect()
    }

    fn moved_of(&self, message: u64) -> u64 {
        memory::int(self.pid, message + SIZE - 8).map_or(0, |length| u64::from(length as u32))
    }

    fn length(&self, message: u64) -> u64 {
        self.pieces_of(message, u64::MAX, 0).1
    }

    fn pieces_of(&self, message: u64, limit: u64, shown: usize) -> (Vec<u8>, u64) {
        let field = |offset| memory::long(self.pid, message + offset).unwrap_or_default();
        pointed::pieces(self.pid, field(16), field(24), limit, shown)
    }
}
