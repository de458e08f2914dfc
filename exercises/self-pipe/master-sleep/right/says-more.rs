//! Says of each error and each end, on standard error, that it has met it, and goes on.

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, kill, sigaction};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid, fork, pipe2, read};
use std::fs::File;
use std::io::{self, Read as _};
use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd};
use std::process::ExitCode;
use std::sync::atomic::{AtomicI32, Ordering::SeqCst};
use std::time::{Duration, Instant};

/// The pipe's write end, where the handler finds it.
static WRITER: AtomicI32 = AtomicI32::new(-1);

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let numbers = args.first().zip(args.get(1));
    let numbers = numbers.and_then(|(one, other)| Some((one.parse().ok()?, other.parse().ok()?)));
    let Some((millis, count)) = numbers else {
        eprintln!(
            "master-sleep: expected milliseconds, a number of workers, and perhaps gates for them"
        );
        return ExitCode::from(2);
    };
    match be_the_master(Duration::from_millis(millis), count, &args[2..]) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("master-sleep: {error}");
            ExitCode::from(2)
        }
    }
}

/// Makes workers, and waits for their end. Whoever is there at a timeout has hung for too long, and is killed.
fn be_the_master(timeout: Duration, count: usize, gates: &[String]) -> io::Result<()> {
    let (pipe, writer) = pipe2(OFlag::O_CLOEXEC | OFlag::O_NONBLOCK)?;
    WRITER.store(writer.as_raw_fd(), SeqCst);
    listen(Signal::SIGCHLD, on_child)?;
    // A signal that is nobody's business here: it interrupts, and wakes nobody.
    listen(Signal::SIGUSR1, on_other)?;
    let workers = (0..count).map(|n| start_worker(gates.get(n))).collect::<io::Result<Vec<_>>>()?;
    let mut left = count;
    loop {
        left -= reap()?;
        if left == 0 {
            return Ok(());
        }
        if sleep(&pipe, timeout)? == Woken::Timeout {
            println!("timeout");
            for worker in &workers {
                // Who is not there any more needs no signal.
                let _ = kill(*worker, Signal::SIGKILL);
            }
        }
    }
}

fn listen(signal: Signal, handler: extern "C" fn(nix::libc::c_int)) -> io::Result<()> {
    let action = SigAction::new(SigHandler::Handler(handler), SaFlags::SA_RESTART, SigSet::empty());
    // SAFETY: one of the two handlers makes one write, and keeps errno; the other one does nothing.
    unsafe { sigaction(signal, &action) }?;
    Ok(())
}

/// Runs in the middle of anything. So: one byte, errno put back.
extern "C" fn on_child(_: nix::libc::c_int) {
    let errno = Errno::last_raw();
    // SAFETY: one byte, from a constant, to a descriptor that the master keeps open.
    unsafe { nix::libc::write(WRITER.load(SeqCst), b"!".as_ptr().cast(), 1) };
    Errno::set_raw(errno);
}

extern "C" fn on_other(_: nix::libc::c_int) {}

/// A worker stands at its gate, if it has one, and ends when that is opened.
fn start_worker(gate: Option<&String>) -> io::Result<Pid> {
    // SAFETY: this program has one thread.
    match unsafe { fork() }? {
        ForkResult::Parent { child } => Ok(child),
        ForkResult::Child => {
            let passed = gate.map_or(Ok(0), |gate| File::open(gate)?.read_to_end(&mut Vec::new()));
            // SAFETY: `_exit` takes a number, and this process ends.
            unsafe { nix::libc::_exit(i32::from(passed.is_err())) }
        }
    }
}

/// What has ended a sleep.
#[derive(PartialEq, Eq)]
enum Woken {
    /// A byte in the pipe: there is something to look at.
    Wake,
    /// The time is over.
    Timeout,
}

fn reap() -> io::Result<usize> {
    let mut reaped = 0;
    loop {
        match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::StillAlive) => return Ok(reaped),
            Err(Errno::ECHILD) => {
                eprintln!("nobody is left: {}", io::Error::from(Errno::ECHILD));
                return Ok(reaped);
            }
            Ok(ended) => {
                eprintln!("{ended:?}");
                reaped += 1;
            }
            Err(error) => return Err(error.into()),
        }
    }
}

fn sleep(pipe: &OwnedFd, timeout: Duration) -> io::Result<Woken> {
    eprintln!("whoever hangs for {timeout:?} gets a SIGKILL");
    let end = Instant::now() + timeout;
    loop {
        let left = end.saturating_duration_since(Instant::now());
        let millis =
            PollTimeout::try_from(left.as_nanos().div_ceil(1_000_000)).unwrap_or(PollTimeout::MAX);
        match poll(&mut [PollFd::new(pipe.as_fd(), PollFlags::POLLIN)], millis) {
            Ok(0) => return Ok(Woken::Timeout),
            Ok(_) => break,
            Err(Errno::EINTR) => eprintln!("poll: {}", io::Error::from(Errno::EINTR)),
            Err(error) => return Err(error.into()),
        }
    }
    while read(pipe, &mut [0; 512]).is_ok_and(|count| count > 0) {}
    Ok(Woken::Wake)
}
