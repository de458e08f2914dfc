//! Twenty signals and room for ten bytes: a full pipe refuses bytes, and nothing is lost.
//!
//! The pipe is made as small as the kernel allows, one page (Linux only), and nearly filled before.

use std::fs::File;
use std::io::Write;
use std::os::fd::{AsFd, AsRawFd};
use std::time::Duration;

use anyhow::{Context, Result};
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, fcntl};
use nix::sys::signal::{Signal, raise};
use nix::unistd::{alarm, getpid};
use self_pipe::SignalQueue;

/// How many bytes there are to read.
fn bytes_in(queue: &SignalQueue) -> Result<libc::c_int> {
    let mut count = 0;
    // SAFETY: FIONREAD stores one int, and `count` is one.
    let answer = unsafe { libc::ioctl(queue.as_fd().as_raw_fd(), libc::FIONREAD, &mut count) };
    Errno::result(answer).context("cannot ask how full the pipe is")?;
    Ok(count)
}

fn main() -> Result<()> {
    alarm::set(20); // a bound, if all else fails
    let me = getpid();
    // ANCHOR: full
    let mut queue = SignalQueue::new(&[Signal::SIGUSR1, Signal::SIGTERM], &[])
        .context("cannot make a signal queue")?;
    let room = fcntl(&queue, FcntlArg::F_SETPIPE_SZ(1)).context("cannot shrink the pipe")?;
    println!("[pid {me}] my pipe has room for {room} bytes");

    // As if thousands of signals had come. The queue keeps its write end to itself;
    // this is another one.
    let again = format!("/proc/self/fd/{}", queue.as_fd().as_raw_fd());
    let mut writer = File::options().write(true).open(again).context("cannot open the pipe")?;
    writer.write_all(&vec![b'!'; room as usize - 10]).context("cannot fill the pipe")?;
    println!("[pid {me}] nearly full, and I have not looked; bytes in it: {}", bytes_in(&queue)?);
    for _ in 0..20 {
        raise(Signal::SIGUSR1).context("cannot signal myself")?;
    }
    raise(Signal::SIGTERM).context("cannot signal myself")?;
    println!("[pid {me}] SIGUSR1 20 times, SIGTERM once; bytes in it: {}", bytes_in(&queue)?);

    let woken = queue.sleep(&[], Some(Duration::from_secs(10))).context("cannot sleep")?;
    println!("[pid {me}] I sleep. What ended it: {woken:?}; bytes in it: {}", bytes_in(&queue)?);
    while let Some(signal) = queue.next_signal() {
        println!("[pid {me}] next signal: {signal}");
    }
    // ANCHOR_END: full
    Ok(())
}
