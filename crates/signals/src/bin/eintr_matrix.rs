//! Which blocked calls does a signal interrupt? Each one tried, without SA_RESTART and with it.
//!
//! Each in a child that gets a SIGUSR1 once it sleeps (Linux only). Nothing lasts over a minute.

use std::io::{self, ErrorKind, PipeReader, Read, Write};
use std::os::fd::{AsFd, AsRawFd};
use std::{fs, net::TcpListener, process::exit, thread, time::Duration};

use anyhow::{Context, Result, bail};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::select::{FdSet, select};
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, kill, sigaction};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::time::{ClockId, ClockNanosleepFlags as Flags, clock_nanosleep};
use nix::unistd::{ForkResult, Pid, alarm, fork, getpid, read};

// ANCHOR: calls
const CALLS: &str = "read accept waitpid nanosleep select poll std_read std_accept std_sleep";
/// Makes one call that nothing but a signal ends: nobody connects, nobody writes to `pipe`.
fn make(call: &str, mut pipe: &PipeReader) -> io::Result<()> {
    const LONG: Duration = Duration::from_secs(60);
    let listener = || TcpListener::bind("127.0.0.1:0");
    let mut set = FdSet::new();
    set.insert(pipe.as_fd());
    match call {
        "read" => _ = read(pipe, &mut [0])?,
        "accept" => _ = nix::sys::socket::accept(listener()?.as_raw_fd())?,
        "waitpid" => _ = waitpid(spawn(|| pipe.read_exact(&mut [0]))?, None)?,
        "nanosleep" => _ = clock_nanosleep(ClockId::CLOCK_REALTIME, Flags::empty(), &LONG.into())?,
        "select" => _ = select(None, &mut set, None, None, None)?,
        "poll" => _ = poll(&mut [PollFd::new(pipe.as_fd(), PollFlags::POLLIN)], PollTimeout::NONE)?,
        "std_read" => _ = pipe.read(&mut [0])?,
        "std_accept" => _ = listener()?.accept()?,
        _ => thread::sleep(LONG),
    }
    Ok(())
}
// ANCHOR_END: calls

fn spawn(work: impl FnOnce() -> io::Result<()>) -> nix::Result<Pid> {
    // SAFETY: this program has one thread.
    let ForkResult::Parent { child } = unsafe { fork() }? else {
        alarm::set(60);
        exit(if work().is_err_and(|error| error.kind() == ErrorKind::Interrupted) { 1 } else { 2 })
    };
    Ok(child)
}

fn try_call(call: &str, flags: SaFlags) -> Result<&'static str> {
    extern "C" fn nothing(_: libc::c_int) {}
    let action = SigAction::new(SigHandler::Handler(nothing), flags, SigSet::empty());
    // SAFETY: the handler does nothing.
    unsafe { sigaction(Signal::SIGUSR1, &action) }.context("cannot catch SIGUSR1")?;
    let (pipe, mut writer) = io::pipe().context("cannot make a pipe")?;
    let child = spawn(|| make(call, &pipe)).context("cannot fork")?;
    // S alone may lie: a process that has just been woken may show it and be `running`.
    let read = |name| fs::read_to_string(format!("/proc/{child}/{name}")).unwrap_or_default();
    let asleep = || read("stat").contains(") S ") && read("syscall").contains(" 0x");
    for signal in [Signal::SIGUSR1, Signal::SIGKILL] {
        while !(read("stat").contains(") Z ") || asleep()) {
            thread::yield_now();
        }
        kill(child, signal).context("cannot signal the child")?;
    }
    writer.write_all(b"!")?; // "waitpid" has a child too, which reads this, and goes
    match waitpid(child, None).context("cannot wait")? {
        WaitStatus::Exited(_, 1) => Ok("EINTR"),
        WaitStatus::Signaled(_, Signal::SIGKILL, _) => Ok("sleeps on"),
        other => bail!("{call} ended otherwise: {other:?}"),
    }
}

fn main() -> Result<()> {
    println!("[parent {}] {:11} no SA_RESTART  SA_RESTART", getpid(), "call");
    for call in CALLS.split(' ') {
        let [without, with] = [SaFlags::empty(), SaFlags::SA_RESTART].map(|f| try_call(call, f));
        println!("[parent {}] {call:11} {:13}  {}", getpid(), without?, with?);
    }
    Ok(())
}
