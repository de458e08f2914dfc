//! execv, which takes the name for a path.
//! Told: "`sh` was not found, and it is there"

use nix::errno::Errno;
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, execv, fork};
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
    let child = match unsafe { fork() }? {
        ForkResult::Parent { child } => child,
        ForkResult::Child => {
            let Err(error) = execv(&argv[0], argv);
            eprintln!("run: {:?}: {error}", argv[0]);
            std::process::exit(if error == Errno::ENOENT { 127 } else { 126 })
        }
    };
    match waitpid(child, None)? {
        WaitStatus::Exited(_, code) => Ok(code as u8),
        WaitStatus::Signaled(_, signal, _) => Ok(128 + signal as u8),
        other => Err(io::Error::other(format!("{other:?}"))),
    }
}
