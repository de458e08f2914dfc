//! A signal ends a wait with EINTR: who asks again, and who leaves it to you?

use std::io::{self, PipeReader, PipeWriter, Read};
use std::ptr;

use anyhow::{Context, Result};
use nix::errno::Errno;
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};
use nix::unistd::{getpid, read, write};
use syscalls::retry_on_eintr;

/// Interrupts whatever waits, and does nothing else.
extern "C" fn on_alarm(_: libc::c_int) {}

fn catch_alarms() -> nix::Result<()> {
    // No SA_RESTART, by which the kernel itself would make the call again (chapter 4).
    let action = SigAction::new(SigHandler::Handler(on_alarm), SaFlags::empty(), SigSet::empty());
    // SAFETY: the handler does nothing.
    unsafe { sigaction(Signal::SIGALRM, &action) }.map(drop)
}

/// And each second from then on: one that came between two calls would have interrupted nothing.
fn signal_me_in_50_ms() -> nix::Result<()> {
    let soon = libc::timeval { tv_sec: 0, tv_usec: 50_000 };
    let then = libc::timeval { tv_sec: 1, tv_usec: 0 };
    let timer = libc::itimerval { it_interval: then, it_value: soon };
    // SAFETY: `timer` is there, and nobody wants to know what was set before.
    Errno::result(unsafe { libc::setitimer(libc::ITIMER_REAL, &timer, ptr::null_mut()) }).map(drop)
}

// ANCHOR: empty
/// A pipe with nothing in it, until it is asked a third time.
struct Empty {
    reader: PipeReader,
    writer: PipeWriter,
    asked: u32,
}

impl Empty {
    fn new() -> Result<Empty> {
        let (reader, writer) = io::pipe().context("cannot make a pipe")?;
        Ok(Empty { reader, writer, asked: 0 })
    }

    fn ask(&mut self, buffer: &mut [u8]) -> nix::Result<usize> {
        self.asked += 1;
        match self.asked {
            3 => _ = write(&self.writer, b"!")?,
            _ => signal_me_in_50_ms()?,
        }
        read(&self.reader, buffer)
    }
}

impl Read for Empty {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        Ok(self.ask(buffer)?)
    }
}
// ANCHOR_END: empty

fn main() -> Result<()> {
    let me = getpid();
    catch_alarms().context("cannot catch SIGALRM")?;
    // ANCHOR: who
    let mut byte = [0];
    let mut pipe = Empty::new()?;
    signal_me_in_50_ms().context("cannot set the timer")?;
    let answer = pipe.reader.read(&mut byte).map_err(|error| error.to_string());
    println!("[process {me}] std's read asks once: {answer:?}");

    let answer = pipe.read_exact(&mut byte);
    println!("[process {me}] std's read_exact asks {} times: {answer:?}", pipe.asked);

    let mut pipe = Empty::new()?;
    let answer = retry_on_eintr(|| pipe.ask(&mut byte));
    println!("[process {me}] our retry_on_eintr asks {} times: {answer:?}", pipe.asked);
    // ANCHOR_END: who
    Ok(())
}
