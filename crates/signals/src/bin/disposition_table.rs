//! What signals do unasked, and which of them may be ignored, caught or blocked: each one tried.
//!
//! For the first column a child sends the signal to itself, and its parent looks at what became
//! of it. The others are what the kernel answers when it is asked.

use anyhow::{Context, Result, bail};
use nix::errno::Errno;
use nix::sys::prctl;
use nix::sys::signal::{SigSet, Signal, kill, raise};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid, fork, getpid, setpgid};
use signals::{Disposition, block, set_disposition};

const NAMES: [&str; 12] =
    ["HUP", "INT", "QUIT", "KILL", "USR1", "PIPE", "TERM", "CHLD", "CONT", "STOP", "TSTP", "WINCH"];

// ANCHOR: unasked
fn try_default(signal: Signal) -> Result<&'static str> {
    // SAFETY: this program has one thread.
    let ForkResult::Parent { child } = unsafe { fork() }.context("cannot fork")? else {
        prctl::set_dumpable(false)?; // no core files from us
        // In a group of its own, with its parent outside: else a stop may be refused.
        setpgid(Pid::from_raw(0), Pid::from_raw(0))?;
        SigSet::empty().thread_set_mask()?;
        // SAFETY: the default runs no code of ours. SIGKILL and SIGSTOP refuse: they have no other.
        let _ = unsafe { set_disposition(signal, Disposition::Default) };
        raise(signal)?;
        // SAFETY: takes no pointer, and does not return.
        unsafe { libc::_exit(0) }
    };
    let became = match waitpid(child, Some(WaitPidFlag::WUNTRACED)).context("cannot wait")? {
        WaitStatus::Stopped(..) => "stopped",
        WaitStatus::Signaled(_, ending, _) if ending == signal => "ended",
        WaitStatus::Exited(_, 0) => return Ok("no change"),
        other => bail!("{signal} did something else: {other:?}"),
    };
    if became == "stopped" {
        kill(child, Signal::SIGKILL).context("cannot end the stopped child")?;
        waitpid(child, None).context("cannot wait for it")?;
    }
    Ok(became)
}
// ANCHOR_END: unasked

extern "C" fn nothing(_: libc::c_int) {}

// ANCHOR: asked
fn try_to(disposition: Disposition, signal: Signal) -> String {
    // SAFETY: the one handler that we pass does nothing.
    match unsafe { set_disposition(signal, disposition) } {
        Ok(()) => "yes".to_string(),
        Err(error) => format!("{:?}", Errno::from_raw(error.raw_os_error().unwrap_or(0))),
    }
}
// ANCHOR_END: asked

fn main() -> Result<()> {
    println!("[parent {}] {:9} {:10} {:7} {:7} block", getpid(), "", "unasked", "ignore", "catch");
    for name in NAMES {
        let signal: Signal = format!("SIG{name}").parse()?;
        let unasked = try_default(signal)?;
        let [ignored, caught] = [Disposition::Ignore, Disposition::Handler(nothing)]
            .map(|disposition| try_to(disposition, signal));
        let held = block(&signal.into())?;
        let blocked = if SigSet::thread_get_mask()?.contains(signal) { "yes" } else { "no" };
        drop(held);
        println!("[parent {}] SIG{name:6} {unasked:10} {ignored:7} {caught:7} {blocked}", getpid());
    }
    Ok(())
}
