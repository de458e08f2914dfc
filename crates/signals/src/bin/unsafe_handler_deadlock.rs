//! WRONG ON PURPOSE: the handler takes a lock that the code it interrupts is holding.
//!
//! Ask yourself who could release it. The signal is raised at the worst moment, so that it hangs
//! every time. Its parent finds it out in /proc (Linux only) and ends it; after 20 seconds an alarm
//! would.

use std::sync::Mutex;
use std::{fs, thread};

use anyhow::{Context, Result};
use nix::sys::signal::{Signal, kill, raise};
use nix::sys::wait::waitpid;
use nix::unistd::{ForkResult, Pid, alarm, fork, getpid};
use signals::{Disposition, set_disposition};

// ANCHOR: deadlock
static JOURNAL: Mutex<Vec<&str>> = Mutex::new(Vec::new());

extern "C" fn on_signal(_: libc::c_int) {
    if let Ok(mut journal) = JOURNAL.lock() {
        journal.push("a signal");
    }
}

fn work() -> Result<()> {
    if let Ok(mut journal) = JOURNAL.lock() {
        println!("[worker {}] I hold the journal's lock, and a signal comes", getpid());
        raise(Signal::SIGUSR1)?; // nobody arranges this on a server; it happens there all the same
        journal.push("some work");
    }
    println!("[worker {}] done", getpid());
    Ok(())
}
// ANCHOR_END: deadlock

// ANCHOR: watch
/// The state of a process, and the number of the system call that it sleeps in.
fn look_at(pid: Pid) -> Result<(char, Option<i64>)> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).context("cannot read stat")?;
    let state = stat.rsplit(") ").next().and_then(|rest| rest.chars().next()).unwrap_or('?');
    let call = fs::read_to_string(format!("/proc/{pid}/syscall")).unwrap_or_default();
    Ok((state, call.split(' ').next().and_then(|number| number.parse().ok())))
}
// ANCHOR_END: watch

fn main() -> Result<()> {
    // SAFETY: not true, and that is the mistake: a handler must take no lock.
    unsafe { set_disposition(Signal::SIGUSR1, Disposition::Handler(on_signal)) }
        .context("cannot catch SIGUSR1")?;
    // SAFETY: this program has one thread.
    let ForkResult::Parent { child } = unsafe { fork() }.context("cannot fork")? else {
        alarm::set(20);
        return work();
    };
    loop {
        match look_at(child)? {
            ('S', Some(libc::SYS_futex)) => break,
            ('Z', _) => anyhow::bail!("the worker has ended: no deadlock"),
            _ => thread::yield_now(),
        }
    }
    println!("[parent {}] pid {child} sleeps in futex(2): it waits for a lock", getpid());
    println!("[parent {}] pid {child} has one thread, and holds that lock itself", getpid());
    kill(child, Signal::SIGTERM).context("cannot end the worker")?;
    waitpid(child, None).context("cannot wait for the worker")?;
    println!("[parent {}] I ended it with SIGTERM", getpid());
    Ok(())
}
