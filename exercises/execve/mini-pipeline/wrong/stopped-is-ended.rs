//! Takes it for the end of the second program that it is stopped.
//! Told: "The second program was stopped, went on"

use nix::unistd::execvp;
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

/// Runs `first | second > file`: both at once, and each with no more open than its 0, 1 and 2.
///
/// Waits for the end of both, and returns the exit code of the second one; 128 and the signal's number if a signal has
/// killed it.
fn pipeline(first: &[CString], second: &[CString], file: File) -> io::Result<u8> {
    use nix::unistd::{ForkResult, dup2_stdin, dup2_stdout, fork, pipe2};
    let (reader, writer) = pipe2(nix::fcntl::OFlag::O_CLOEXEC)?;
    // SAFETY: this program has one thread.
    let one = match unsafe { fork() }? {
        ForkResult::Child => {
            dup2_stdout(&writer)?;
            become_program(first)
        }
        ForkResult::Parent { child } => child,
    };
    // SAFETY: as above.
    let two = match unsafe { fork() }? {
        ForkResult::Child => {
            dup2_stdin(&reader)?;
            dup2_stdout(&file)?;
            become_program(second)
        }
        ForkResult::Parent { child } => child,
    };
    drop((reader, writer, file));
    end_of(one)?;
    match nix::sys::wait::waitpid(two, Some(nix::sys::wait::WaitPidFlag::WUNTRACED))? {
        nix::sys::wait::WaitStatus::Stopped(_, signal) => Ok(128 + signal as u8),
        nix::sys::wait::WaitStatus::Signaled(_, signal, _) => Ok(128 + signal as u8),
        nix::sys::wait::WaitStatus::Exited(_, code) => Ok(code as u8),
        _ => end_of(two),
    }
}

/// Becomes the program `argv[0]`; leaves if there is none.
fn become_program(argv: &[CString]) -> ! {
    let Err(error) = execvp(&argv[0], argv);
    eprintln!("mini-pipeline: {:?}: {error}", argv[0]);
    // SAFETY: `_exit` takes a number, and this process ends.
    unsafe { nix::libc::_exit(127) }
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
