//! Both say more than they must, and under their pids, as `main` does.

use nix::errno::Errno;
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

fn run(argv: &[CString]) -> io::Result<u8> {
    // SAFETY: this program has one thread.
    match unsafe { fork() }? {
        ForkResult::Child => become_program(argv),
        ForkResult::Parent { child } => {
            println!("[run {}] {:?} is pid {child}", std::process::id(), argv[0]);
            end_of(child)
        }
    }
}

fn become_program(argv: &[CString]) -> ! {
    let pid = std::process::id();
    eprintln!("[run {pid}] to become {:?}", argv[0]);
    let Err(error) = execvp(&argv[0], argv);
    eprintln!("[run {pid}] {:?}: {error}", argv[0]);
    let code = if error == Errno::ENOENT { 127 } else { 126 };
    // SAFETY: `_exit` takes a number, and this process ends.
    unsafe { nix::libc::_exit(code) }
}

fn end_of(child: Pid) -> io::Result<u8> {
    loop {
        match waitpid(child, None) {
            Ok(WaitStatus::Exited(_, code)) => return Ok(code as u8),
            Ok(WaitStatus::Signaled(_, signal, _)) => return Ok(128 + signal as u8),
            Ok(_) | Err(Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}
