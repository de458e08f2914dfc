//! The errno comes back by a pipe, and then the child comes back as well.
//! Told: "came back from `run`, with an error: P2"

use nix::errno::Errno;
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, execvp, fork};
use std::ffi::CString;
use std::io::{self, Read as _, Write as _};
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

fn run(argv: &[CString]) -> io::Result<u8> {
    let (mut report, mut reporter) = io::pipe()?;
    // SAFETY: this program has one thread.
    let child = match unsafe { fork() }? {
        ForkResult::Child => {
            let Err(error) = execvp(&argv[0], argv);
            reporter.write_all(&(error as i32).to_ne_bytes())?;
            return Err(error.into());
        }
        ForkResult::Parent { child } => child,
    };
    drop(reporter);
    let mut errno = Vec::new();
    report.read_to_end(&mut errno)?;
    let status = waitpid(child, None)?;
    if let Ok(errno) = errno.try_into() {
        let errno = Errno::from_raw(i32::from_ne_bytes(errno));
        return Ok(if errno == Errno::ENOENT { 127 } else { 126 });
    }
    Ok(match status {
        WaitStatus::Exited(_, code) => code as u8,
        WaitStatus::Signaled(_, signal, _) => 128 + signal as u8,
        _ => 1,
    })
}
