//! Takes the number of a descriptor for one byte.
//! Told: "What KEPT_FD says is closed in the program"

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid, execvpe, fork};
use std::ffi::{CString, OsString};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd, RawFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let args: Vec<OsString> = std::env::args_os().skip(1).collect();
    let [others, file, argv @ ..] = args.as_slice() else { return usage() };
    let others = others.to_str().and_then(|count| count.parse().ok());
    let argv = argv.iter().filter_map(|arg| CString::new(arg.as_bytes()).ok()).collect::<Vec<_>>();
    match others {
        Some(count) if !argv.is_empty() => match serve(count, Path::new(file), &argv) {
            Ok(code) => ExitCode::from(code),
            Err(error) => {
                eprintln!("keep-one-fd: {error}");
                ExitCode::from(2)
            }
        },
        _ => usage(),
    }
}

fn usage() -> ExitCode {
    eprintln!("keep-one-fd: expected a number, a file, and a program with its arguments");
    ExitCode::from(2)
}

/// A program with much open that is nobody else's business, and one file that a child needs.
fn serve(others: usize, file: &Path, argv: &[CString]) -> io::Result<u8> {
    let before: Vec<File> =
        (0..others).map(|_| File::open("/dev/null")).collect::<io::Result<_>>()?;
    let kept = File::open(file)?;
    let behind = File::open("/dev/null")?;
    let code = run_with(kept.as_fd(), argv);
    drop((before, behind));
    code
}

/// Runs a program in a child: with 0, 1, 2 and `kept` open, and nothing else. `become_program` tells it by which number it has `kept`.
///
/// In this program nothing changes: whatever else it runs meanwhile, or later, must not inherit `kept`.
///
/// Waits for the program's end, and returns its status as `end_of` does.
fn run_with(kept: BorrowedFd, argv: &[CString]) -> io::Result<u8> {
    // SAFETY: this program has one thread.
    match unsafe { fork() }? {
        ForkResult::Child => {
            // In the child's table only. And this is fork's child, so there is nobody to return an error to.
            match fcntl(kept, FcntlArg::F_SETFD(FdFlag::empty())) {
                Ok(_) => become_program(argv, (kept.as_raw_fd() as u8).into()),
                Err(error) => {
                    eprintln!("keep-one-fd: {error}");
                    // SAFETY: `_exit` takes a number, and this process ends.
                    unsafe { nix::libc::_exit(126) }
                }
            }
        }
        ForkResult::Parent { child } => end_of(child),
    }
}

/// Waits for this child's end; returns what a shell would call its status.
fn end_of(child: Pid) -> io::Result<u8> {
    loop {
        match waitpid(child, None) {
            Ok(WaitStatus::Exited(_, code)) => return Ok(code as u8),
            Ok(WaitStatus::Signaled(_, signal, _)) => return Ok(128 + signal as u8),
            // Stopped or continued: it lives. Interrupted: nothing has happened yet.
            Ok(_) | Err(Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// Becomes the program `argv[0]`, which finds `number` in its variable `KEPT_FD`; leaves if there is none.
fn become_program(argv: &[CString], number: RawFd) -> ! {
    let said = [format!("KEPT_FD={number}")].into_iter().filter_map(|text| CString::new(text).ok());
    let others =
        std::env::vars_os().filter(|(name, _)| name != "KEPT_FD").filter_map(|(name, value)| {
            CString::new([name.as_bytes(), b"=", value.as_bytes()].concat()).ok()
        });
    let environment: Vec<CString> = others.chain(said).collect();
    let Err(error) = execvpe(&argv[0], argv, &environment);
    eprintln!("keep-one-fd: {:?}: {error}", argv[0]);
    // SAFETY: `_exit` takes a number, and this process ends.
    unsafe { nix::libc::_exit(127) }
}
