//! Which signals have come, and in which order.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::Duration;

use nix::sys::signal::Signal;
use nix::unistd::getpid;

use crate::{OWNER, SelfPipe, Woken, wake};

// ANCHOR: queue
/// For each signal, when it came: 0 if it does not wait, else its turn. A fixed number of them, so a
/// handler needs no memory, and a storm can't overflow anything.
static WAITING: [AtomicU64; 32] = [const { AtomicU64::new(0) }; 32];
/// The last turn given.
static TURN: AtomicU64 = AtomicU64::new(0);

/// Signals that wait to be acted on, in the order in which they came. Unicorn's `SIG_QUEUE`.
///
/// A signal that waits already is not queued again: it keeps its place. The kernel, too, keeps only
/// one of a kind, so a count would not be true anyway. When its [`AsFd`] is readable, a
/// [`sleep`](SignalQueue::sleep) returns at once.
#[derive(Debug)]
pub struct SignalQueue {
    pipe: SelfPipe,
}

impl SignalQueue {
    /// Catches `queued`, to be had from [`next_signal`](SignalQueue::next_signal), and `waking`,
    /// which end a sleep and are not queued.
    ///
    /// # Errors
    /// As for [`SelfPipe::new`] and [`SelfPipe::wake_on`]. All dispositions that were set are the
    /// default again.
    pub fn new(queued: &[Signal], waking: &[Signal]) -> io::Result<SignalQueue> {
        let mut pipe = SelfPipe::new()?;
        forget_all();
        queued.iter().try_for_each(|&signal| pipe.catch(signal, on_signal))?;
        waking.iter().try_for_each(|&signal| pipe.wake_on(signal))?;
        Ok(SignalQueue { pipe })
    }

    /// Takes the signal that has waited longest. It may come again from now on, so act after this.
    pub fn next_signal(&mut self) -> Option<Signal> {
        let turns = WAITING.iter().map(|turn| turn.load(SeqCst)).enumerate();
        let (number, _) = turns.filter(|&(_, turn)| turn > 0).min_by_key(|&(_, turn)| turn)?;
        WAITING[number].store(0, SeqCst);
        Signal::try_from(number as libc::c_int).ok()
    }

    /// [`SelfPipe::sleep`], except that it does not sleep while a signal waits. Unicorn's
    /// `master_sleep`.
    ///
    /// # Errors
    /// As there.
    pub fn sleep(
        &mut self,
        others: &[BorrowedFd<'_>],
        timeout: Option<Duration>,
    ) -> io::Result<Woken> {
        if WAITING.iter().any(|turn| turn.load(SeqCst) > 0) {
            self.pipe.drain()?;
            return Ok(Woken::Wake);
        }
        self.pipe.sleep(others, timeout)
    }
    // ANCHOR_END: queue

    /// In a child, after `fork`: [`SelfPipe::renew`], and what waits here is forgotten, for it was
    /// sent to the parent.
    ///
    /// # Errors
    /// As there.
    pub fn renew(&mut self) -> io::Result<()> {
        if OWNER.load(SeqCst) != getpid().as_raw() {
            forget_all();
        }
        self.pipe.renew()
    }
}

impl AsFd for SignalQueue {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.pipe.as_fd()
    }
}

// ANCHOR: handler
/// Runs in the middle of anything. So: a turn, a note that the signal waits, a wake.
extern "C" fn on_signal(signal: libc::c_int) {
    let turn = TURN.fetch_add(1, SeqCst) + 1;
    if let Some(waiting) = WAITING.get(signal as usize) {
        let _ = waiting.compare_exchange(0, turn, SeqCst, SeqCst); // if it waits, it keeps its place
    }
    wake();
}
// ANCHOR_END: handler

fn forget_all() {
    WAITING.iter().for_each(|turn| turn.store(0, SeqCst));
}
