//! Is told by a pipe that the child has begun, and by a self-pipe, in a poll, that it has ended.

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};
use nix::sys::wait::waitpid;
use nix::unistd::{ForkResult, Pid, fork};
use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsFd as _, AsRawFd as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicI32, Ordering};

static NEWS: AtomicI32 = AtomicI32::new(-1);

fn main() -> ExitCode {
    let gates: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let [end, before, after] = gates.as_slice() else {
        eprintln!("make-a-zombie: expected the paths of three named pipes");
        return ExitCode::from(2);
    };
    match make_and_clear(end, before, after) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("make-a-zombie: {error}");
            ExitCode::from(2)
        }
    }
}

fn make_and_clear(end: &Path, before: &Path, after: &Path) -> io::Result<()> {
    let pid = make(end)?;
    println!("pid {pid} is a zombie");
    pass(before)?;
    clear(pid)?;
    println!("pid {pid} is gone");
    pass(after)
}

fn make(gate: &Path) -> io::Result<Pid> {
    let (news, tell) = io::pipe()?;
    NEWS.store(tell.as_raw_fd(), Ordering::SeqCst);
    std::mem::forget(tell);
    let tells =
        SigAction::new(SigHandler::Handler(has_ended), SaFlags::SA_RESTART, SigSet::empty());
    // SAFETY: the handler makes one call, write(2), and keeps errno.
    unsafe { sigaction(Signal::SIGCHLD, &tells) }?;
    let (mut begun, mut says) = io::pipe()?;
    // SAFETY: this program has one thread.
    let child = match unsafe { fork() }? {
        ForkResult::Child => {
            let _ = says.write_all(b"!");
            end_at(gate)
        }
        ForkResult::Parent { child } => child,
    };
    drop(says);
    begun.read_exact(&mut [0])?;
    while let Err(error) =
        poll(&mut [PollFd::new(news.as_fd(), PollFlags::POLLIN)], PollTimeout::NONE)
    {
        if error != Errno::EINTR {
            return Err(error.into());
        }
    }
    Ok(child)
}

extern "C" fn has_ended(_signal: nix::libc::c_int) {
    let errno = Errno::last_raw();
    // SAFETY: one byte of a constant.
    unsafe { nix::libc::write(NEWS.load(Ordering::SeqCst), [0u8].as_ptr().cast(), 1) };
    Errno::set_raw(errno);
}

/// Clears the zombie: when this returns, there is no process of that pid.
fn clear(zombie: Pid) -> io::Result<()> {
    loop {
        match waitpid(zombie, None) {
            Ok(_) => return Ok(()),
            Err(Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// The child's part: stands at the gate, and ends when somebody has opened it.
fn end_at(gate: &Path) -> ! {
    let code = i32::from(pass(gate).is_err());
    // SAFETY: `_exit` ends this process at once; it has written nothing.
    unsafe { nix::libc::_exit(code) }
}

/// Waits at a gate: blocks until somebody opens it for writing, and then until the last writer is gone.
fn pass(gate: &Path) -> io::Result<()> {
    std::fs::File::open(gate)?.read_to_end(&mut Vec::new()).map(drop)
}
