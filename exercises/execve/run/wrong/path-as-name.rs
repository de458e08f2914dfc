//! Looks for the program by itself, and tells it the path as its name.
//! Told: "another name than the one on your command line"

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
    let path = std::env::var("PATH").unwrap_or_default();
    let name = argv[0].to_string_lossy();
    let mut places = path.split(':').map(|folder| format!("{folder}/{name}"));
    let found = places.find(|place| std::path::Path::new(place).is_file());
    let mut told = argv.to_vec();
    if let Some(place) = found.filter(|_| !name.contains('/')) {
        told[0] = CString::new(place)?;
    }
    // SAFETY: this program has one thread.
    match unsafe { nix::unistd::fork() }? {
        nix::unistd::ForkResult::Child => {
            let Err(error) = nix::unistd::execvp(&told[0], &told);
            eprintln!("run: {:?}: {error}", argv[0]);
            // SAFETY: `_exit` takes a number, and this process ends.
            unsafe { nix::libc::_exit(if error == nix::errno::Errno::ENOENT { 127 } else { 126 }) }
        }
        nix::unistd::ForkResult::Parent { child } => end_of(child),
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
