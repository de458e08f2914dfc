//! Being interrupted, and choosing when.
//!
//! Read in this order: [`Disposition`], [`set_disposition`], [`disposition`], [`preserving_errno`],
//! [`block`], [`Blocked`], [`Blocked::begin_child`], [`Blocked::sleep`], [`pending`].
//! Used again by `self-pipe`, and by `mini-unicorn`, whose master answers to ten signals.
//!
//! Left out on purpose: real-time signals, which queue and carry a value; SA_SIGINFO, which tells
//! who sent; alternate stacks; SA_RESTART, since a server wants its waiting to be interrupted.

use std::io;
use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::ptr;

use nix::errno::Errno;
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, SigmaskHow, Signal, sigaction};

// ANCHOR: disposition
/// What a process does with a signal that is delivered to it.
#[derive(Debug, Clone, Copy)]
pub enum Disposition {
    /// What [signal(7)](https://man7.org/linux/man-pages/man7/signal.7.html) lists for it: most end
    /// the process, some stop it, for a few nothing happens.
    Default,
    /// Nothing: the signal is thrown away.
    Ignore,
    /// This function runs, in the middle of whatever runs. It gets the signal's number.
    Handler(extern "C" fn(libc::c_int)),
}

/// Sets what this process, all its threads, does with `signal` from now on.
///
/// A call that is blocked when the handler runs is interrupted (EINTR), since SA_RESTART is not
/// set. While the handler runs, the same signal waits outside; others may interrupt it.
///
/// See [sigaction(2)](https://man7.org/linux/man-pages/man2/sigaction.2.html).
///
/// # Errors
/// `EINVAL`: SIGKILL and SIGSTOP can be neither caught nor ignored, nor even set to their default.
///
/// # Safety
/// A handler does only what
/// [signal-safety(7)](https://man7.org/linux/man-pages/man7/signal-safety.7.html) allows: it takes
/// no lock, allocates nothing, does not panic, and leaves errno as it found it.
pub unsafe fn set_disposition(signal: Signal, disposition: Disposition) -> io::Result<()> {
    let handler = match disposition {
        Disposition::Default => SigHandler::SigDfl,
        Disposition::Ignore => SigHandler::SigIgn,
        Disposition::Handler(function) => SigHandler::Handler(function),
    };
    let action = SigAction::new(handler, SaFlags::empty(), SigSet::empty());
    // SAFETY: as our caller promises.
    unsafe { sigaction(signal, &action) }?;
    Ok(())
}
// ANCHOR_END: disposition

/// What is set for a signal, without the handler: that one may be of a kind that we don't set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Found {
    /// What signal(7) lists for it.
    Default,
    /// Nothing happens.
    Ignored,
    /// A handler runs.
    Caught,
}

/// Asks what this process does with `signal`, and changes nothing.
///
/// See [sigaction(2)](https://man7.org/linux/man-pages/man2/sigaction.2.html).
///
/// # Errors
/// None that sigaction(2) documents for a signal that exists. SIGKILL may be asked about.
pub fn disposition(signal: Signal) -> io::Result<Found> {
    let mut action = MaybeUninit::<libc::sigaction>::uninit();
    // SAFETY: no new action is given, and there is room for the old one.
    let answer = unsafe { libc::sigaction(signal as i32, ptr::null(), action.as_mut_ptr()) };
    Errno::result(answer)?;
    // SAFETY: the call has succeeded, so it has filled it.
    let action = unsafe { action.assume_init() };
    Ok(match action.sa_sigaction {
        libc::SIG_DFL => Found::Default,
        libc::SIG_IGN => Found::Ignored,
        _ => Found::Caught,
    })
}

// ANCHOR: preserving_errno
/// Runs a handler's work, and puts errno back to what it was before.
///
/// The code that the handler interrupts may be between a call that has failed and the line that
/// asks errno why. See [errno(3)](https://man7.org/linux/man-pages/man3/errno.3.html).
pub fn preserving_errno<T>(work: impl FnOnce() -> T) -> T {
    let before = Errno::last_raw();
    let result = work();
    Errno::set_raw(before);
    result
}
// ANCHOR_END: preserving_errno

// ANCHOR: block
/// Signals that wait outside for as long as this lives.
///
/// Dropping it puts this thread's mask back to what it was, which is not always empty; whatever
/// has come in the meantime is delivered then, once per kind. Where two of these overlap, drop the
/// younger one first. `let _ = block(…)` drops it at once: give it a name.
#[must_use = "the signals are held back only for as long as this lives"]
#[derive(Debug)]
pub struct Blocked {
    /// The ones that `block` was asked for.
    signals: SigSet,
    /// The mask as it was.
    before: SigSet,
    /// A mask belongs to a thread, so this stays in its own.
    _of_this_thread: PhantomData<*const ()>,
}

/// Blocks `signals` in this thread, besides those that are blocked already.
///
/// SIGKILL and SIGSTOP in the set are left out by the kernel, without a word.
///
/// See [sigprocmask(2)](https://man7.org/linux/man-pages/man2/sigprocmask.2.html).
///
/// # Errors
/// None that sigprocmask(2) documents can come of valid arguments, which these are.
pub fn block(signals: &SigSet) -> io::Result<Blocked> {
    let before = signals.thread_swap_mask(SigmaskHow::SIG_BLOCK)?;
    Ok(Blocked { signals: *signals, before, _of_this_thread: PhantomData })
}

impl Drop for Blocked {
    fn drop(&mut self) {
        let _ = self.before.thread_set_mask(); // a mask that was in force can't be refused
    }
}
// ANCHOR_END: block

// ANCHOR: begin_child
impl Blocked {
    /// The child's half of "block, fork, reset, unblock": call it first thing in a new process.
    ///
    /// 1. The parent calls [`block`] for the signals that it handles.
    /// 2. It forks.
    /// 3. The child calls this: each of those signals that has a handler, which is its parent's,
    ///    gets its default back. Ignored ones stay ignored, as they do in execve(2).
    /// 4. `set_up` runs: handlers of the child's own, if it wants any.
    /// 5. The mask goes back to what it was before 1. A signal that was sent to the child since 2
    ///    is delivered now, to the child's own disposition.
    /// 6. The parent, its books in order, drops its `Blocked`.
    ///
    /// Without the mask, a signal that comes between 2 and 3 runs the parent's handler in the
    /// child, and is gone. With 5 before 3 it does so always.
    ///
    /// Block what you handle, not everything: of a full set, the handlers by which Rust's runtime
    /// reports a stack overflow would be reset as well.
    ///
    /// # Errors
    /// Those of `set_up`; no other is to be expected. The signals stay blocked then, and the
    /// child should leave.
    pub fn begin_child<T>(&self, set_up: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        for signal in self.signals.iter() {
            if disposition(signal)? == Found::Caught {
                // SAFETY: the default runs no code of ours.
                unsafe { set_disposition(signal, Disposition::Default) }?;
            }
        }
        let ready = set_up()?;
        self.before.thread_set_mask()?;
        Ok(ready)
    }
}
// ANCHOR_END: begin_child

impl Blocked {
    /// Lets the signals in and sleeps, both in one step, until a handler has run; then they are
    /// held back again.
    ///
    /// In one step, so that a signal that comes after the caller's last look is not slept through.
    /// One that is pending already is delivered at once. Bounded by nothing: see chapter 5 for a
    /// sleep with a timeout.
    ///
    /// See [sigsuspend(2)](https://man7.org/linux/man-pages/man2/sigsuspend.2.html).
    ///
    /// # Errors
    /// None: sigsuspend(2) always fails with `EINTR`, which here is what was wanted.
    pub fn sleep(&self) -> io::Result<()> {
        Ok(self.before.suspend()?) // nix turns EINTR into success
    }
}

/// The signals that have come for this thread or its process, and wait outside because they are
/// blocked. A set: how often each has come is not known, not even to the kernel.
///
/// See [sigpending(2)](https://man7.org/linux/man-pages/man2/sigpending.2.html).
///
/// # Errors
/// None that sigpending(2) documents can come of a valid pointer.
pub fn pending() -> io::Result<SigSet> {
    let mut set = MaybeUninit::uninit();
    // SAFETY: there is room for a set.
    Errno::result(unsafe { libc::sigpending(set.as_mut_ptr()) })?;
    // SAFETY: the call has succeeded, so it has filled it.
    let set = unsafe { set.assume_init() };
    // SAFETY: the kernel made this set.
    Ok(unsafe { SigSet::from_sigset_t_unchecked(set) })
}
