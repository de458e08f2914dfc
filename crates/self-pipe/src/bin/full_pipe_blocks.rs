//! WRONG ON PURPOSE: the write end blocks, so the handler waits for its own process to read.
//!
//! The child is found asleep in its handler, and is killed; an alarm would end both after twenty
//! seconds. Ask yourself who could read, and what he is doing. (States are read in /proc: Linux only.)

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::fd::IntoRawFd;
use std::sync::atomic::{AtomicI32, Ordering::SeqCst};
use std::thread;

use anyhow::{Context, Result};
use nix::fcntl::{FcntlArg, fcntl};
use nix::sys::signal::{Signal, kill, raise};
use nix::sys::wait::waitpid;
use nix::unistd::{ForkResult, Pid, alarm, fork, getpid};
use signals::{Disposition, set_disposition};

static WRITER: AtomicI32 = AtomicI32::new(-1);

extern "C" fn on_usr1(_: libc::c_int) {
    // SAFETY: one byte, from a constant; the descriptor is open to the program's end.
    unsafe { libc::write(WRITER.load(SeqCst), b"!".as_ptr().cast(), 1) };
}

// ANCHOR: fill
fn fill(latch: io::PipeWriter) -> Result<()> {
    let (_own, writer) = pipe::pipe().context("cannot make a pipe")?; // not non-blocking
    let room = fcntl(&writer, FcntlArg::F_SETPIPE_SZ(1)).context("cannot shrink the pipe")?;
    let mut writer = File::from(writer);
    let unread = vec![b'!'; room as usize - 8]; // as from signals of which nobody has read
    writer.write_all(&unread).context("cannot fill the pipe")?;
    WRITER.store(writer.into_raw_fd(), SeqCst); // and never closed
    // SAFETY: `on_usr1` does what signal-safety(7) allows. That is not enough, as we'll see.
    unsafe { set_disposition(Signal::SIGUSR1, Disposition::Handler(on_usr1)) }
        .context("cannot catch SIGUSR1")?;

    for _ in 0..8 {
        raise(Signal::SIGUSR1).context("cannot signal myself")?;
    }
    println!("[child {}] 8 signals have filled its {room} bytes. Here comes one more", getpid());
    drop(latch); // tells the parent that it may look now
    raise(Signal::SIGUSR1).context("cannot signal myself")?;
    println!("[child {}] that's what I would go on to read them for", getpid());
    Ok(())
}
// ANCHOR_END: fill

/// Whether it is asleep in a call: R runs, S sleeps (proc_pid_stat(5)).
fn sleeps(pid: Pid) -> Result<bool> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).context("cannot read its state")?;
    Ok(stat.rsplit(") ").next().is_some_and(|after_name| after_name.starts_with('S')))
}

fn main() -> Result<()> {
    println!("[parent {}] my child's own pipe is nearly full, and signals will fill it", getpid());
    let (mut gate, latch) = io::pipe().context("cannot make a pipe")?;
    // SAFETY: this program has one thread.
    let child = match unsafe { fork() }.context("cannot fork")? {
        ForkResult::Parent { child } => child,
        ForkResult::Child => {
            alarm::set(20);
            return fill(latch);
        }
    };
    alarm::set(20);
    drop(latch);
    gate.read(&mut [0]).context("cannot wait for the child")?;
    while !sleeps(child)? {
        thread::yield_now();
    }
    println!("[parent {}] pid {child} is asleep in its handler, in write(2)", getpid());
    kill(child, Signal::SIGKILL).context("cannot kill the child")?;
    waitpid(child, None).context("cannot wait for the child")?;
    println!("[parent {}] and it would be still, had I not killed it", getpid());
    Ok(())
}
