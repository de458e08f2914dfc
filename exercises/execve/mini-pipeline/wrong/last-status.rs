//! Waits for both, and returns the exit code that it has heard of last.
//! Told: "The exit code of the program that ended last is returned"

use nix::errno::Errno;
use nix::sys::wait::{WaitStatus, wait};
use nix::unistd::{ForkResult, dup2_stdin, dup2_stdout, execvp, fork};
use std::ffi::{CString, OsStr};
use std::fs::File;
use std::io;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::process::ExitCode;

fn main() -> ExitCode {
    let args = std::env::args_os().skip(1);
    let words: Vec<CString> = args.filter_map(|arg| CString::new(arg.into_vec()).ok()).collect();
    let bar = words.iter().position(|word| word.as_bytes() == b"--");
    let Some((first, second)) = bar.map(|at| (&words[..at], &words[at + 1..])) else {
        return usage();
    };
    let [file, first @ ..] = first else { return usage() };
    if first.is_empty() || second.is_empty() {
        return usage();
    }
    let file = File::create(OsStr::from_bytes(file.as_bytes()));
    match file.and_then(|file| pipeline(first, second, file)) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("mini-pipeline: {error}");
            ExitCode::from(2)
        }
    }
}

fn usage() -> ExitCode {
    eprintln!("mini-pipeline: expected a file, a program with its arguments, --, and another one");
    ExitCode::from(2)
}

fn pipeline(first: &[CString], second: &[CString], file: File) -> io::Result<u8> {
    let (reader, writer) = io::pipe()?;
    // SAFETY: this program has one thread.
    if let ForkResult::Child = unsafe { fork() }? {
        dup2_stdout(&writer)?;
        become_program(first);
    }
    drop(writer);
    // SAFETY: as above.
    if let ForkResult::Child = unsafe { fork() }? {
        dup2_stdin(&reader)?;
        dup2_stdout(&file)?;
        become_program(second);
    }
    drop((reader, file));
    let mut last = 0;
    loop {
        match wait() {
            Ok(WaitStatus::Exited(_, code)) => last = code as u8,
            Ok(WaitStatus::Signaled(_, signal, _)) => last = 128 + signal as u8,
            Ok(_) | Err(Errno::EINTR) => {}
            Err(Errno::ECHILD) => return Ok(last),
            Err(error) => return Err(error.into()),
        }
    }
}

/// Becomes the program `argv[0]`; leaves if there is none.
fn become_program(argv: &[CString]) -> ! {
    let Err(error) = execvp(&argv[0], argv);
    eprintln!("mini-pipeline: {:?}: {error}", argv[0]);
    // SAFETY: `_exit` takes a number, and this process ends.
    unsafe { nix::libc::_exit(127) }
}
