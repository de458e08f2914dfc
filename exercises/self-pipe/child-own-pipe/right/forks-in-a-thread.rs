//! A thread forks, and its copy is the worker.

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, SigmaskHow, Signal, sigaction};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid, fork, pipe2, read};
use std::io;
use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd};
use std::process::ExitCode;
use std::sync::atomic::{AtomicI32, Ordering::SeqCst};

/// The pipe's write end, where the handler finds it.
static WRITER: AtomicI32 = AtomicI32::new(-1);

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("child-own-pipe: {error}");
            ExitCode::from(2)
        }
    }
}

fn run() -> io::Result<()> {
    let mut pipe = SelfPipe::new()?;
    let action = SigAction::new(SigHandler::Handler(on_signal), SaFlags::SA_RESTART, SigSet::all());
    // SAFETY: the handler makes one write, and keeps errno.
    unsafe { sigaction(Signal::SIGUSR1, &action) }?;
    let worker = start_worker(&mut pipe)?;
    match waitpid(worker, None)? {
        WaitStatus::Exited(_, 0) => {}
        otherwise => println!("the worker did not end well: {otherwise:?}"),
    }
    let woken = pipe.has_been_written_to(PollTimeout::ZERO)?;
    println!("the parent was {}", if woken { "woken" } else { "not woken" });
    Ok(())
}

/// A pipe from a process to itself.
struct SelfPipe {
    reader: OwnedFd,
    #[allow(dead_code, reason = "it is held open for the handler, which goes by its number")]
    writer: OwnedFd,
}

impl SelfPipe {
    /// Makes the pipe, and shows its write end to the handler.
    fn new() -> io::Result<Self> {
        let (reader, writer) = pipe2(OFlag::O_CLOEXEC | OFlag::O_NONBLOCK)?;
        WRITER.store(writer.as_raw_fd(), SeqCst);
        Ok(Self { reader, writer })
    }

    /// Whether there is something to read, or will be before the time is over.
    fn has_been_written_to(&self, at_most: PollTimeout) -> io::Result<bool> {
        let mut wanted = [PollFd::new(self.reader.as_fd(), PollFlags::POLLIN)];
        loop {
            match poll(&mut wanted, at_most) {
                Err(Errno::EINTR) => {}
                ready => return Ok(ready? > 0),
            }
        }
    }
}

/// Runs in the middle of anything. So: one byte, errno put back.
extern "C" fn on_signal(_: nix::libc::c_int) {
    let errno = Errno::last_raw();
    // SAFETY: one byte, from a constant.
    unsafe { nix::libc::write(WRITER.load(SeqCst), b"!".as_ptr().cast(), 1) };
    Errno::set_raw(errno);
}

fn start_worker(pipe: &mut SelfPipe) -> io::Result<Pid> {
    let before = SigSet::all().thread_swap_mask(SigmaskHow::SIG_SETMASK)?;
    let work_in_a_child = || -> io::Result<Pid> {
        // SAFETY: the child goes on with calls that need no lock of another thread.
        match unsafe { fork() }? {
            ForkResult::Parent { child } => Ok(child),
            ForkResult::Child => match renew(pipe).and_then(|()| Ok(before.thread_set_mask()?)) {
                Ok(()) => work(pipe),
                Err(_) => std::process::exit(1),
            },
        }
    };
    let forked = std::thread::scope(|scope| scope.spawn(work_in_a_child).join());
    before.thread_set_mask()?;
    forked.map_err(|_| io::Error::other("the thread has panicked"))?
}

fn renew(pipe: &mut SelfPipe) -> io::Result<()> {
    *pipe = SelfPipe::new()?;
    Ok(())
}

/// A worker's life: it sleeps until its pipe wakes it, and ends.
fn work(pipe: &SelfPipe) -> ! {
    let woken = pipe.has_been_written_to(PollTimeout::NONE);
    let code = match woken.and_then(|_| Ok(read(&pipe.reader, &mut [0; 512])?)) {
        Ok(_) => {
            println!("the worker was woken");
            0
        }
        Err(error) => {
            eprintln!("[worker] {error}");
            1
        }
    };
    std::process::exit(code)
}
