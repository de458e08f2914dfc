//! Takes the signal's number for the exit code.
//! Told: "was killed by a signal, and your exit code doesn't say so"

use nix::errno::Errno;
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid, dup2_stdin, dup2_stdout, execvp, fork};
use std::ffi::{CString, OsStr};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd as _, BorrowedFd};
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

/// Runs `first | second > file`: both at once, and each with no more open than its 0, 1 and 2.
///
/// Waits for the end of both, and returns the exit code of the second one; 128 and the signal's number if a signal has
/// killed it.
fn pipeline(first: &[CString], second: &[CString], file: File) -> io::Result<u8> {
    let (reader, writer) = io::pipe()?;
    // SAFETY: this program has one thread.
    let one = match unsafe { fork() }? {
        ForkResult::Child => move_and_become(None, Some(writer.as_fd()), first),
        ForkResult::Parent { child } => child,
    };
    drop(writer);
    // SAFETY: still one thread.
    let two = match unsafe { fork() }? {
        ForkResult::Child => move_and_become(Some(reader.as_fd()), Some(file.as_fd()), second),
        ForkResult::Parent { child } => child,
    };
    // A must be told, by SIGPIPE, when B is gone; and nobody is told who could still read himself.
    drop((reader, file));
    end_of(one)?;
    end_of(two)
}

/// A child's part: these become its standard input and output, and then it becomes the program.
fn move_and_become(stdin: Option<BorrowedFd>, stdout: Option<BorrowedFd>, argv: &[CString]) -> ! {
    let moved = stdin.map_or(Ok(()), dup2_stdin).and(stdout.map_or(Ok(()), dup2_stdout));
    if let Err(error) = moved {
        eprintln!("mini-pipeline: {error}");
        // SAFETY: `_exit` takes a number, and this process ends.
        unsafe { nix::libc::_exit(126) }
    }
    become_program(argv)
}

/// Waits for this child's end; returns what a shell would call its status.
fn end_of(child: Pid) -> io::Result<u8> {
    loop {
        match waitpid(child, None) {
            Ok(WaitStatus::Exited(_, code)) => return Ok(code as u8),
            Ok(WaitStatus::Signaled(_, signal, _)) => return Ok(signal as u8),
            // Stopped or continued: it lives. Interrupted: nothing has happened yet.
            Ok(_) | Err(Errno::EINTR) => {}
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
