//! By the standard library's `Command` and its hook between fork and exec.

use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use std::ffi::{CString, OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::Path;
use std::process::{Command, ExitCode};

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
    let words: Vec<&OsStr> = argv.iter().map(|word| OsStr::from_bytes(word.as_bytes())).collect();
    let number = kept.as_raw_fd();
    let mut command = Command::new(words[0]);
    command.args(&words[1..]).env("KEPT_FD", number.to_string());
    let clear = move || {
        // SAFETY: open until the child execs.
        let kept = unsafe { BorrowedFd::borrow_raw(number) };
        fcntl(kept, FcntlArg::F_SETFD(FdFlag::empty()))?;
        Ok(())
    };
    // SAFETY: one fcntl, which is async-signal-safe.
    let status = unsafe { command.pre_exec(clear) }.status()?;
    Ok(status.code().or(status.signal().map(|n| 128 + n)).unwrap_or(1) as u8)
}
