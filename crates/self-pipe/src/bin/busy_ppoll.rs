//! WRONG ON PURPOSE: a busy server that hears signals only in ppoll(2) does not hear them.
//!
//! Ask yourself when ppoll would have to sleep. Then see who hears at once, at the end. (This is how
//! Linux orders the two: Linux only.)

use std::io::{self, Write};
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

use anyhow::{Context, Result};
use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::signal::{SigSet, Signal, raise};
use nix::unistd::getpid;
use self_pipe::SignalQueue;
use signals::{Disposition, block, set_disposition};

static TOLD_TO_LEAVE: AtomicBool = AtomicBool::new(false);

extern "C" fn on_term(_: libc::c_int) {
    TOLD_TO_LEAVE.store(true, SeqCst);
}

fn main() -> Result<()> {
    let me = getpid();
    let (client, mut request) = io::pipe().context("cannot make a pipe")?;
    request.write_all(b"one more request").context("cannot write")?; // and nobody ever reads it

    // ANCHOR: busy
    // SAFETY: `on_term` stores into an atomic, and nothing else.
    unsafe { set_disposition(Signal::SIGTERM, Disposition::Handler(on_term)) }
        .context("cannot catch SIGTERM")?;
    let mask = SigSet::thread_get_mask().context("cannot read the signal mask")?;
    let blocked = block(&SigSet::from(Signal::SIGTERM)).context("cannot block SIGTERM")?;
    raise(Signal::SIGTERM).context("cannot signal myself")?;

    let mut fds = [PollFd::new(client.as_fd(), PollFlags::POLLIN)];
    let mut turns = 0;
    while turns < 1000 && !TOLD_TO_LEAVE.load(SeqCst) {
        let ready = ppoll(&mut fds, None, Some(mask)).context("cannot poll")?;
        turns += ready; // one descriptor is ready, every time
    }
    println!("[pid {me}] {turns} turns by ppoll. Told to leave: {}", TOLD_TO_LEAVE.load(SeqCst));
    drop(blocked);
    println!("[pid {me}] unblocked. Told to leave: {}", TOLD_TO_LEAVE.load(SeqCst));
    // ANCHOR_END: busy

    // ANCHOR: pipe
    let mut queue =
        SignalQueue::new(&[Signal::SIGTERM], &[]).context("cannot make a signal queue")?;
    raise(Signal::SIGTERM).context("cannot signal myself")?;
    let woken = queue.sleep(&[client.as_fd()], None).context("cannot sleep")?;
    println!("[pid {me}] with a self-pipe: {woken:?}, {:?}", queue.next_signal());
    // ANCHOR_END: pipe
    Ok(())
}
