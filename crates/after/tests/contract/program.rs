//! What `after`'s library promises, one promise an argument: run by `tests/contract.rs`.
//!
//! A program, not a test, because a test harness has threads, and a process with threads can't
//! fork and go on. It prints what it saw; the test judges.

use std::fs;
use std::io::{self, Read};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::sync::atomic::{AtomicI32, Ordering};
use std::time::Duration;
use std::{env, thread};

use after::{Process, listen_apart};
use anyhow::{Context, Result, bail};
use fork::{Exit, wait_for};
use nix::fcntl::{FcntlArg, FdFlag, OFlag, fcntl};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, kill, sigaction};
use nix::sys::wait::{Id, WaitPidFlag, waitid, waitpid};
use nix::unistd::{Pid, alarm, getpid, pause};
use select::{Accepted, Address, Listener, Options, poll_readable};

/// A child that stays until a signal ends it.
fn sleeper() -> Result<Process> {
    // SAFETY: this program has one thread (and so below).
    let child = unsafe {
        Process::spawn(|| {
            alarm::set(20);
            pause();
            1
        })
    };
    child.context("cannot fork")
}

fn leaver(code: u8) -> Result<Process> {
    // SAFETY: one thread.
    unsafe { Process::spawn(|| code) }.context("cannot fork")
}

/// Sleeps until `child` has ended, and leaves it a zombie.
fn wait_without_reaping(child: &Process) -> Result<()> {
    waitid(Id::Pid(child.pid()), WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT)?;
    Ok(())
}

fn errno<T>(result: io::Result<T>) -> Option<i32> {
    result.err().and_then(|error| error.raw_os_error())
}

fn is_readable(child: &Process) -> Result<bool> {
    Ok(!poll_readable(&[child.as_fd()], Some(Duration::ZERO))?.is_empty())
}

fn is_readable_from_its_end_on() -> Result<()> {
    let child = sleeper()?;
    println!("alive: {}", is_readable(&child)?);
    child.signal(Signal::SIGKILL)?;
    poll_readable(&[child.as_fd()], None)?;
    println!("dead: {}", is_readable(&child)?);
    child.wait()?;
    println!("reaped: {}", is_readable(&child)?);
    Ok(())
}

fn waits_for_this_one() -> Result<()> {
    let (first, second) = (leaver(1)?, leaver(2)?);
    wait_without_reaping(&first)?;
    println!("{}", second.wait()?);
    println!("{}", first.wait()?);
    println!("again: {}", errno(first.wait()) == Some(libc::ECHILD));
    Ok(())
}

fn does_not_wait_for_the_living() -> Result<()> {
    let (dead, living) = (leaver(1)?, sleeper()?);
    wait_without_reaping(&dead)?;
    println!("{:?}", living.try_wait()?);
    println!("{:?}", dead.try_wait()?);
    living.signal(Signal::SIGKILL)?;
    println!("{}", living.wait()?);
    Ok(())
}

fn tells_every_signal() -> Result<()> {
    let child = sleeper()?;
    // SAFETY: takes no pointers.
    unsafe { libc::kill(child.pid().as_raw(), libc::SIGRTMIN() + 1) };
    println!("{}", child.wait()? == Exit::Signal(libc::SIGRTMIN() + 1));
    // SAFETY: one thread; SIGABRT dumps core, where the system allows that.
    let child = unsafe { Process::spawn(|| libc::abort()) }?;
    println!("{}", child.wait()?);
    println!("{}", leaver(255)?.wait()?);
    Ok(())
}

fn signals_nobody_after_the_end() -> Result<()> {
    let child = leaver(0)?;
    wait_without_reaping(&child)?;
    println!("a zombie: {:?}", errno(child.signal(Signal::SIGKILL)));
    child.wait()?;
    println!("reaped: {}", errno(child.signal(Signal::SIGKILL)) == Some(libc::ESRCH));
    println!("open: {}", errno(Process::of_child(child.pid())) == Some(libc::ESRCH));
    Ok(())
}

fn lets_go_without_harm() -> Result<()> {
    let child = sleeper()?;
    let pid = child.pid();
    drop(child);
    let again = Process::of_child(pid)?;
    println!("alive: {:?}", again.try_wait()?);
    again.signal(Signal::SIGTERM)?;
    drop(again);
    println!("not reaped: {}", wait_for(pid)?);
    Ok(())
}

fn is_close_on_exec() -> Result<()> {
    let child = leaver(0)?;
    let flags = fcntl(&child, FcntlArg::F_GETFD)?;
    println!("{:?}", FdFlag::from_bits_retain(flags));
    child.wait()?;
    Ok(())
}

fn closes_what_it_opened() -> Result<()> {
    let count = || -> Result<usize> { Ok(fs::read_dir("/proc/self/fd")?.count()) };
    let before = count()?;
    for _ in 0..50 {
        leaver(0)?.wait()?;
    }
    println!("{}", count()? == before);
    Ok(())
}

fn leaves_no_child_behind() -> Result<()> {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    let next: OwnedFd = fs::File::open("/dev/null")?.into();
    setrlimit(Resource::RLIMIT_NOFILE, next.as_raw_fd() as u64 + 1, hard)?; // none is left
    // SAFETY: one thread.
    let refused = unsafe {
        Process::spawn(|| {
            alarm::set(20);
            pause();
            0
        })
    };
    println!("{}", errno(refused) == Some(libc::EMFILE));
    println!("{:?}", waitpid(Pid::from_raw(-1), Some(WaitPidFlag::WNOHANG)));
    Ok(())
}

fn waits_on_through_signals() -> Result<()> {
    static HANDLED: AtomicI32 = AtomicI32::new(-1);
    extern "C" fn say_so(_: libc::c_int) {
        // SAFETY: write(2) is async-signal-safe, and the byte outlives the call.
        unsafe { libc::write(HANDLED.load(Ordering::Relaxed), b"!".as_ptr().cast(), 1) };
    }
    let (mut handled, say) = io::pipe()?;
    HANDLED.store(say.as_raw_fd(), Ordering::Relaxed);
    // No SA_RESTART: the wait is interrupted.
    let action = SigAction::new(SigHandler::Handler(say_so), SaFlags::empty(), SigSet::empty());
    // SAFETY: the handler does nothing but write a byte.
    unsafe { sigaction(Signal::SIGUSR1, &action) }?;
    let parent = getpid();
    // SAFETY: one thread.
    let child = unsafe {
        Process::spawn(|| {
            let asleep = |stat: io::Result<String>| stat.is_ok_and(|stat| stat.contains(") S "));
            while !asleep(fs::read_to_string(format!("/proc/{parent}/stat"))) {
                thread::yield_now();
            }
            let sent = kill(parent, Signal::SIGUSR1);
            // Still alive when the handler runs, so that the wait has nobody to return.
            u8::from(sent.is_err() || handled.read_exact(&mut [0]).is_err())
        })
    }?;
    println!("{}", child.wait()?);
    Ok(())
}

fn tcp(listener: &Listener) -> Result<std::net::SocketAddr> {
    match listener.address() {
        Address::Tcp(address) => Ok(*address),
        Address::Unix(_) => bail!("not TCP"),
    }
}

fn listens_beside_its_like() -> Result<()> {
    for at in ["127.0.0.1:0", "[::1]:0"] {
        let one = match listen_apart(at.parse()?) {
            Err(_) if at.starts_with('[') => continue, // this machine has no IPv6
            one => one?,
        };
        let two = listen_apart(tcp(&one)?)?;
        println!("same port: {}", one.address() == two.address());
    }
    let alone = Listener::bind(&"127.0.0.1:0".parse()?, Options::default())?;
    println!("beside another: {}", errno(listen_apart(tcp(&alone)?)) == Some(libc::EADDRINUSE));
    let one = listen_apart("127.0.0.1:0".parse()?)?;
    let other = Listener::bind(one.address(), Options::default());
    println!("another beside it: {}", errno(other) == Some(libc::EADDRINUSE));
    Ok(())
}

fn listens_without_waiting() -> Result<()> {
    let listener = listen_apart("127.0.0.1:0".parse()?)?;
    println!("{:?}", FdFlag::from_bits_retain(fcntl(&listener, FcntlArg::F_GETFD)?));
    let flags = OFlag::from_bits_retain(fcntl(&listener, FcntlArg::F_GETFL)?);
    println!("O_NONBLOCK {}", flags.contains(OFlag::O_NONBLOCK));
    println!("nobody: {}", matches!(listener.accept()?, Accepted::Nobody));
    let _client = listener.address().connect()?;
    poll_readable(&[listener.as_fd()], None)?;
    println!("a client: {}", matches!(listener.accept()?, Accepted::Connection(_)));
    Ok(())
}

fn main() -> Result<()> {
    alarm::set(20); // a bound: no promise takes longer to keep
    let promise = env::args().nth(1).unwrap_or_default();
    match promise.as_str() {
        "is_readable_from_its_end_on" => is_readable_from_its_end_on(),
        "waits_for_this_one" => waits_for_this_one(),
        "does_not_wait_for_the_living" => does_not_wait_for_the_living(),
        "tells_every_signal" => tells_every_signal(),
        "signals_nobody_after_the_end" => signals_nobody_after_the_end(),
        "lets_go_without_harm" => lets_go_without_harm(),
        "is_close_on_exec" => is_close_on_exec(),
        "closes_what_it_opened" => closes_what_it_opened(),
        "leaves_no_child_behind" => leaves_no_child_behind(),
        "waits_on_through_signals" => waits_on_through_signals(),
        "listens_beside_its_like" => listens_beside_its_like(),
        "listens_without_waiting" => listens_without_waiting(),
        _ => bail!("no promise is called `{promise}`: see tests/contract.rs"),
    }
}
