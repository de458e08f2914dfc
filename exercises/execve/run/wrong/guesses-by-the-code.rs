//! Takes an exit code of 126 or 127 for a failure of exec, and complains of that.
//! Told: "and a failure of exec is complained of"

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
    match unsafe { nix::unistd::fork() }? {
        nix::unistd::ForkResult::Child => {
            let Err(error) = nix::unistd::execvp(&argv[0], argv);

            // SAFETY: `_exit` takes a number, and this process ends.
            unsafe { nix::libc::_exit(if error == nix::errno::Errno::ENOENT { 127 } else { 126 }) }
        }
        nix::unistd::ForkResult::Parent { child } => {
            let code = end_of(child)?;
            match code {
                127 => eprintln!("run: {:?}: not found", argv[0]),
                126 => eprintln!("run: {:?}: can't be executed", argv[0]),
                _ => {}
            }
            Ok(code)
        }
    }
}

fn end_of(child: nix::unistd::Pid) -> io::Result<u8> {
    use nix::sys::wait::{WaitStatus, waitpid};
    loop {
        match waitpid(child, None) {
            Ok(WaitStatus::Exited(_, code)) => return Ok(code as u8),
            Ok(WaitStatus::Signaled(_, signal, _)) => return Ok(128 + signal as u8),
            Ok(_) | Err(nix::errno::Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}
