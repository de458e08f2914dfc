//! Bytes under way: what was written and not yet read.

use std::collections::{BTreeMap, VecDeque};

use crate::event::Task;

/// A queue of bytes: a pipe's, or what a socket has received; or an eventfd's count.
///
/// A write takes effect between its beginning and its end: where it is larger than the room, its
/// first bytes are read before it returns. So a write that has begun *offers* its bytes, and
/// whoever reads takes what is queued first, and then what is offered.
#[derive(Debug, Clone, Default)]
pub struct Channel {
    queued: u64,
    offers: BTreeMap<Task, Offer>,
    /// What a writer that was killed in the middle may have left here.
    perhaps: u64,
    /// The messages' sizes, where a read takes one message and no part of the next.
    messages: Option<VecDeque<u64>>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Offer {
    total: u64,
    taken: u64,
}

impl Channel {
    /// A queue that keeps the borders between messages.
    pub(crate) fn of_messages() -> Self {
        Self { messages: Some(VecDeque::new()), ..Self::default() }
    }

    /// A queue with so much in it.
    pub(crate) fn holding(queued: u64) -> Self {
        Self { queued, ..Self::default() }
    }

    /// Others may put something in, of whom nothing is heard.
    pub(crate) fn open_to_others(self) -> Self {
        Self { perhaps: u64::MAX, ..self }
    }

    /// Bytes written by calls that have returned, and not yet read.
    #[must_use]
    pub fn queued(&self) -> u64 {
        self.queued
    }

    pub(crate) fn offer(&mut self, by: Task, total: u64) {
        self.offers.insert(by, Offer { total, taken: 0 });
    }

    /// A write returns: one message is in, or several; the first of their bytes may have been read already.
    pub(crate) fn put(&mut self, by: Task, sizes: &[u64]) -> Result<(), u64> {
        let taken = self.offers.remove(&by).unwrap_or_default().taken;
        let mut rest = taken;
        for &size in sizes {
            self.queued += size.saturating_sub(rest);
            if let Some(messages) = &mut self.messages
                && rest == 0
            {
                messages.push_back(size);
            }
            rest = rest.saturating_sub(size);
        }
        if rest > 0 { Err(taken) } else { Ok(()) }
    }

    /// A write fails: none of its bytes may have been read.
    pub(crate) fn withdraw(&mut self, by: Task) -> Result<(), u64> {
        match self.offers.remove(&by).unwrap_or_default().taken {
            0 => Ok(()),
            taken => Err(taken),
        }
    }

    /// A writer ends in the middle of a write. What it has put in stays.
    pub(crate) fn abandon(&mut self, by: Task) {
        if let Some(offer) = self.offers.remove(&by) {
            self.perhaps = self.perhaps.saturating_add(offer.total - offer.taken);
        }
    }

    /// A read returns with `bytes`. Says how many of them were never written.
    pub(crate) fn take(&mut self, bytes: u64) -> Result<(), u64> {
        if let Some(messages) = &mut self.messages
            && let Some(size) = messages.pop_front()
        {
            self.queued -= size;
            let missing = bytes.saturating_sub(size).saturating_sub(self.perhaps);
            return if missing > 0 { Err(missing) } else { Ok(()) };
        }
        let from_queue = bytes.min(self.queued);
        self.queued -= from_queue;
        let mut missing = bytes - from_queue;
        for offer in self.offers.values_mut() {
            let taken = missing.min(offer.total - offer.taken);
            offer.taken += taken;
            missing -= taken;
        }
        let perhaps = missing.min(self.perhaps);
        self.perhaps -= perhaps;
        if missing > perhaps { Err(missing - perhaps) } else { Ok(()) }
    }
}
