//! Clears the flag in the parent, for the fork, and sets it again behind it.
//! Told: "For a while, the file is not close-on-exec"

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

fn run_with(kept: BorrowedFd, argv: &[CString]) -> io::Result<u8> {
    fcntl(kept, FcntlArg::F_SETFD(FdFlag::empty()))?;
    // SAFETY: this program has one thread.
    let child = match unsafe { fork() }? {
        ForkResult::Child => become_program(argv, kept.as_raw_fd()),
        ForkResult::Parent { child } => child,
    };
    fcntl(kept, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC))?;
    end_of(child)
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
