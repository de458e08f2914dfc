//! What `self-pipe`'s library promises, one promise an argument: run by `tests/contract.rs`.
//!
//! A program, not a test, because handlers and pipes belong to a whole process, and a test harness
//! shares its own with every test. It prints what it saw; the test judges.

use std::os::fd::{AsFd, AsRawFd};
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::time::{Duration, Instant};
use std::{env, fs, io, thread};

use anyhow::{Context, Result, bail};
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, fcntl};
use nix::sys::signal::{SigSet, Signal, kill, raise};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid, alarm, fork, getpid, write};
use self_pipe::{SelfPipe, SignalQueue, wake};
use signals::{Disposition, block, set_disposition};

const NOW: Option<Duration> = Some(Duration::ZERO);
/// Longer than the alarm in `main`: who sleeps this long does not come back.
const LONG: Option<Duration> = Some(Duration::from_secs(1000));

/// Runs `work` in a child, and waits for its end.
fn in_a_child(work: impl FnOnce() -> Result<()>) -> Result<()> {
    // SAFETY: this program has one thread.
    match unsafe { fork() }? {
        ForkResult::Child => {
            alarm::set(20);
            let outcome = work().inspect_err(|error| println!("in the child: {error:#}"));
            // SAFETY: takes no pointer, and does not return. Lines are out, and nothing is dropped.
            unsafe { libc::_exit(outcome.is_err().into()) }
        }
        ForkResult::Parent { child } => match waitpid(child, None)? {
            WaitStatus::Exited(_, 0) => Ok(()),
            ended => bail!("the child's end: {ended:?}"),
        },
    }
}

/// A child that sends `signal` as soon as this process is asleep.
fn signal_from_a_child(signal: Signal) -> Result<Pid> {
    let parent = getpid();
    // SAFETY: this program has one thread.
    match unsafe { fork() }? {
        ForkResult::Parent { child } => Ok(child),
        ForkResult::Child => {
            alarm::set(20);
            let asleep = |stat: io::Result<String>| stat.is_ok_and(|stat| stat.contains(") S "));
            while !asleep(fs::read_to_string(format!("/proc/{parent}/stat"))) {
                thread::yield_now();
            }
            let sent = kill(parent, signal);
            // SAFETY: takes no pointer, and does not return.
            unsafe { libc::_exit(sent.is_err().into()) }
        }
    }
}

fn bytes_in(pipe: impl AsFd) -> Result<libc::c_int> {
    let mut count = 0;
    // SAFETY: FIONREAD stores one int, and `count` is one.
    let answer = unsafe { libc::ioctl(pipe.as_fd().as_raw_fd(), libc::FIONREAD, &mut count) };
    Errno::result(answer)?;
    Ok(count)
}

/// What /proc says that this pipe is, the same for both ends.
fn identity(pipe: impl AsFd) -> Result<String> {
    let link = fs::read_link(format!("/proc/self/fd/{}", pipe.as_fd().as_raw_fd()))?;
    Ok(link.to_string_lossy().into_owned())
}

/// Every descriptor of this process that leads to the pipe `identity`: its flags, as open(2) has
/// them.
fn flags_of_ends(identity: &str) -> Result<Vec<i32>> {
    let mut numbers = Vec::new();
    for entry in fs::read_dir("/proc/self/fd")? {
        let entry = entry?;
        if fs::read_link(entry.path()).is_ok_and(|link| link.to_string_lossy() == identity) {
            numbers.push(entry.file_name().to_string_lossy().parse::<i32>()?);
        }
    }
    numbers.sort();
    let flags = numbers.iter().map(|number| {
        let info = fs::read_to_string(format!("/proc/self/fdinfo/{number}"))?;
        let octal = info.lines().find_map(|line| line.strip_prefix("flags:"));
        Ok(i32::from_str_radix(octal.context("no flags")?.trim(), 8)?)
    });
    flags.collect()
}

/// Whether a handler is set, from /proc/self/status.
fn is_caught(signal: Signal) -> Result<bool> {
    let status = fs::read_to_string("/proc/self/status")?;
    let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
    let caught = u64::from_str_radix(caught.context("no SigCgt")?.trim(), 16)?;
    Ok(caught >> (signal as i32 - 1) & 1 == 1)
}

fn all_signals(queue: &mut SignalQueue) -> Vec<&'static str> {
    std::iter::from_fn(|| queue.next_signal()).map(Signal::as_str).collect()
}

fn makes_safe_ends() -> Result<()> {
    let mut pipe = SelfPipe::new()?;
    let ends = |pipe: &SelfPipe| -> Result<()> {
        for flags in flags_of_ends(&identity(pipe)?)? {
            let way = if flags & libc::O_ACCMODE == libc::O_RDONLY { "read" } else { "write" };
            let nonblocking = flags & libc::O_NONBLOCK != 0;
            let cloexec = flags & libc::O_CLOEXEC != 0;
            println!("{way} end: nonblocking {nonblocking}, cloexec {cloexec}");
        }
        Ok(())
    };
    ends(&pipe)?;
    in_a_child(|| {
        pipe.renew()?;
        ends(&pipe)
    })
}

fn drains_an_empty_pipe() -> Result<()> {
    SelfPipe::new()?.drain()?;
    println!("came back");
    Ok(())
}

fn keeps_a_wake_for_the_next_sleep() -> Result<()> {
    let pipe = SelfPipe::new()?;
    wake();
    println!("{:?}", pipe.sleep(&[], LONG)?);
    println!("{:?}", pipe.sleep(&[], NOW)?);
    Ok(())
}

fn wakes_a_sleeper() -> Result<()> {
    let mut pipe = SelfPipe::new()?;
    pipe.wake_on(Signal::SIGUSR1)?;
    let child = signal_from_a_child(Signal::SIGUSR1)?;
    println!("{:?}", pipe.sleep(&[], LONG)?);
    waitpid(child, None)?;
    drop(pipe);
    let mut queue = SignalQueue::new(&[Signal::SIGUSR1], &[])?;
    let child = signal_from_a_child(Signal::SIGUSR1)?;
    println!("{:?}, {:?}", queue.sleep(&[], LONG)?, all_signals(&mut queue));
    waitpid(child, None)?;
    Ok(())
}

fn drains_all() -> Result<()> {
    let pipe = SelfPipe::new()?;
    for _ in 0..5000 {
        wake();
    }
    println!("{} bytes", bytes_in(&pipe)?);
    pipe.sleep(&[], NOW)?;
    println!("{} bytes, {:?}", bytes_in(&pipe)?, pipe.sleep(&[], NOW)?);
    Ok(())
}

fn never_blocks_a_handler() -> Result<()> {
    let mut queue = SignalQueue::new(&[Signal::SIGUSR1, Signal::SIGTERM], &[])?;
    let room = fcntl(&queue, FcntlArg::F_SETPIPE_SZ(1))?;
    for _ in 0..100_000 {
        raise(Signal::SIGUSR1)?;
    }
    raise(Signal::SIGTERM)?;
    println!("full: {}", bytes_in(&queue)? == room);
    println!("{:?}, {:?}", queue.sleep(&[], LONG)?, all_signals(&mut queue));
    println!("{} bytes, {:?}", bytes_in(&queue)?, queue.sleep(&[], NOW)?);
    Ok(())
}

fn keeps_errno() -> Result<()> {
    let queue = SignalQueue::new(&[Signal::SIGUSR1], &[Signal::SIGUSR2])?;
    let room = fcntl(&queue, FcntlArg::F_SETPIPE_SZ(1))?;
    for _ in 0..room {
        wake();
    }
    // From here on each write(2) fails with EAGAIN, and says so in errno.
    for signal in [Signal::SIGUSR1, Signal::SIGUSR2] {
        Errno::ENOENT.set();
        raise(signal)?;
        println!("{:?}", Errno::last());
    }
    Ok(())
}

fn guards_the_parent() -> Result<()> {
    let mut queue = SignalQueue::new(&[Signal::SIGUSR1], &[Signal::SIGUSR2])?;
    in_a_child(|| {
        raise(Signal::SIGUSR1)?;
        raise(Signal::SIGUSR2)?;
        wake();
        Ok(())
    })?;
    println!("{:?}, {:?}", queue.sleep(&[], NOW)?, all_signals(&mut queue));
    Ok(())
}

fn renews_in_a_child() -> Result<()> {
    let mut queue = SignalQueue::new(&[Signal::SIGUSR1], &[])?;
    let parents = identity(&queue)?;
    in_a_child(|| {
        queue.renew()?;
        println!("another pipe: {}", identity(&queue)? != parents);
        println!("ends of the parent's: {}", flags_of_ends(&parents)?.len());
        raise(Signal::SIGUSR1)?;
        println!("child: {:?}, {:?}", queue.sleep(&[], LONG)?, all_signals(&mut queue));
        Ok(())
    })?;
    println!("parent: {:?}, {:?}", queue.sleep(&[], NOW)?, all_signals(&mut queue));
    Ok(())
}

fn leaves_the_parent_its_signals() -> Result<()> {
    let mut queue = SignalQueue::new(&[Signal::SIGTERM], &[])?;
    raise(Signal::SIGTERM)?;
    in_a_child(|| {
        queue.renew()?;
        println!("child: {:?}, {:?}", queue.sleep(&[], NOW)?, all_signals(&mut queue));
        Ok(())
    })?;
    println!("parent: {:?}, {:?}", queue.sleep(&[], NOW)?, all_signals(&mut queue));
    Ok(())
}

fn loses_nothing_while_blocked() -> Result<()> {
    let mut queue = SignalQueue::new(&[Signal::SIGTERM], &[])?;
    let blocked = block(&SigSet::all())?;
    in_a_child(|| {
        raise(Signal::SIGTERM)?;
        blocked.begin_child(|| queue.renew())?;
        println!("{:?}, {:?}", queue.sleep(&[], LONG)?, all_signals(&mut queue));
        Ok(())
    })
}

fn renews_nothing_in_the_owner() -> Result<()> {
    let mut queue = SignalQueue::new(&[Signal::SIGTERM], &[])?;
    let before = identity(&queue)?;
    raise(Signal::SIGTERM)?;
    queue.renew()?;
    println!("the same pipe: {}", identity(&queue)? == before);
    println!("{:?}, {:?}", queue.sleep(&[], LONG)?, all_signals(&mut queue));
    Ok(())
}

fn keeps_the_order() -> Result<()> {
    let kinds = [Signal::SIGHUP, Signal::SIGUSR1, Signal::SIGTERM, Signal::SIGTTIN];
    let mut queue = SignalQueue::new(&kinds, &[])?;
    for &signal in &[&kinds[..], &kinds[..2]].concat() {
        raise(signal)?;
    }
    println!("{:?}", all_signals(&mut queue));
    for signal in [Signal::SIGTTIN, Signal::SIGHUP] {
        raise(signal)?;
    }
    println!("{:?}", all_signals(&mut queue));
    Ok(())
}

fn takes_a_signal_before_it_is_acted_on() -> Result<()> {
    let mut queue = SignalQueue::new(&[Signal::SIGHUP], &[])?;
    raise(Signal::SIGHUP)?;
    let first = queue.next_signal();
    raise(Signal::SIGHUP)?; // while the first is acted on
    println!("{first:?}, {:?}, {:?}", queue.next_signal(), queue.next_signal());
    Ok(())
}

fn does_not_sleep_while_a_signal_waits() -> Result<()> {
    let mut queue = SignalQueue::new(&[Signal::SIGHUP, Signal::SIGTERM], &[])?;
    raise(Signal::SIGHUP)?;
    raise(Signal::SIGTERM)?;
    for _ in 0..2 {
        println!("{:?}, {:?}", queue.sleep(&[], LONG)?, queue.next_signal());
    }
    println!("{:?}, {:?}", queue.sleep(&[], NOW)?, queue.next_signal());
    Ok(())
}

fn does_not_queue_what_only_wakes() -> Result<()> {
    let mut queue = SignalQueue::new(&[Signal::SIGTERM], &[Signal::SIGCHLD])?;
    raise(Signal::SIGCHLD)?;
    println!("{:?}, {:?}", queue.sleep(&[], LONG)?, queue.next_signal());
    Ok(())
}

fn sleeps_on_through_other_signals() -> Result<()> {
    const TIME: Duration = Duration::from_millis(300);
    static TICKS: AtomicU32 = AtomicU32::new(0);
    extern "C" fn tick(_: libc::c_int) {
        if TICKS.fetch_add(1, SeqCst) == 200 {
            // SAFETY: takes no pointer, and does not return. That is ten seconds for 0.3.
            unsafe { libc::_exit(3) }
        }
    }
    let pipe = SelfPipe::new()?;
    // SAFETY: `tick` adds to an atomic, and makes one system call.
    unsafe { set_disposition(Signal::SIGALRM, Disposition::Handler(tick)) }?;
    let period = libc::timeval { tv_sec: 0, tv_usec: 50_000 };
    let timer = libc::itimerval { it_interval: period, it_value: period };
    // SAFETY: `timer` lives longer than the call, and what was set before is not asked for.
    Errno::result(unsafe { libc::setitimer(libc::ITIMER_REAL, &timer, std::ptr::null_mut()) })?;
    let start = Instant::now();
    println!("{:?}", pipe.sleep(&[], Some(TIME))?);
    println!("interrupted: {}", TICKS.load(SeqCst) > 0);
    println!("too early: {}", start.elapsed() < TIME);
    Ok(())
}

fn waits_for_others_too() -> Result<()> {
    let pipe = SelfPipe::new()?;
    let (quiet, _held) = pipe::pipe()?;
    let (loud, mouth) = pipe::pipe()?;
    let (ended, _) = pipe::pipe()?; // its write end is closed
    let others = [quiet.as_fd(), loud.as_fd(), ended.as_fd()];
    println!("{:?}", pipe.sleep(&others, LONG)?);
    write(&mouth, b"!")?;
    println!("{:?}", pipe.sleep(&others, LONG)?);
    wake();
    println!("{:?}, then {:?}", pipe.sleep(&others, LONG)?, pipe.sleep(&others, LONG)?);
    println!("{:?}", pipe.sleep(&others[..1], Some(Duration::from_millis(1)))?);
    Ok(())
}

fn refuses_what_cant_be_caught() -> Result<()> {
    let refused = SignalQueue::new(&[Signal::SIGTERM, Signal::SIGKILL], &[]);
    println!("EINVAL: {}", refused.is_err_and(|e| e.raw_os_error() == Some(libc::EINVAL)));
    println!("SIGTERM caught: {}", is_caught(Signal::SIGTERM)?);
    println!("next one made: {}", SignalQueue::new(&[Signal::SIGTERM], &[]).is_ok());
    Ok(())
}

fn is_one_of_a_kind() -> Result<()> {
    let queue = SignalQueue::new(&[Signal::SIGTERM], &[])?;
    println!("{:?}", SelfPipe::new().map(drop).map_err(|error| error.kind()));
    raise(Signal::SIGTERM)?;
    drop(queue);
    let mut queue = SignalQueue::new(&[Signal::SIGTERM], &[])?;
    println!("{:?}, {:?}", queue.sleep(&[], NOW)?, all_signals(&mut queue));
    Ok(())
}

fn leaves_nothing_behind() -> Result<()> {
    let queue = SignalQueue::new(&[Signal::SIGTERM], &[Signal::SIGCHLD])?;
    let pipe = identity(&queue)?;
    println!("{} ends, {}", flags_of_ends(&pipe)?.len(), is_caught(Signal::SIGTERM)?);
    drop(queue);
    wake(); // nobody to wake
    let caught = is_caught(Signal::SIGTERM)? || is_caught(Signal::SIGCHLD)?;
    println!("{} ends, {caught}", flags_of_ends(&pipe)?.len());
    Ok(())
}

fn main() -> Result<()> {
    alarm::set(20); // a bound: no promise takes longer to keep
    let promise = env::args().nth(1).unwrap_or_default();
    match promise.as_str() {
        "makes_safe_ends" => makes_safe_ends(),
        "drains_an_empty_pipe" => drains_an_empty_pipe(),
        "keeps_a_wake_for_the_next_sleep" => keeps_a_wake_for_the_next_sleep(),
        "wakes_a_sleeper" => wakes_a_sleeper(),
        "drains_all" => drains_all(),
        "never_blocks_a_handler" => never_blocks_a_handler(),
        "keeps_errno" => keeps_errno(),
        "guards_the_parent" => guards_the_parent(),
        "renews_in_a_child" => renews_in_a_child(),
        "leaves_the_parent_its_signals" => leaves_the_parent_its_signals(),
        "loses_nothing_while_blocked" => loses_nothing_while_blocked(),
        "renews_nothing_in_the_owner" => renews_nothing_in_the_owner(),
        "keeps_the_order" => keeps_the_order(),
        "takes_a_signal_before_it_is_acted_on" => takes_a_signal_before_it_is_acted_on(),
        "does_not_sleep_while_a_signal_waits" => does_not_sleep_while_a_signal_waits(),
        "does_not_queue_what_only_wakes" => does_not_queue_what_only_wakes(),
        "sleeps_on_through_other_signals" => sleeps_on_through_other_signals(),
        "waits_for_others_too" => waits_for_others_too(),
        "refuses_what_cant_be_caught" => refuses_what_cant_be_caught(),
        "is_one_of_a_kind" => is_one_of_a_kind(),
        "leaves_nothing_behind" => leaves_nothing_behind(),
        _ => bail!("no promise is called `{promise}`: see tests/contract.rs"),
    }
}
