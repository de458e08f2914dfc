//! Plain libc: a pipe that exec would not close, and each copy closed by hand; the second program first.

use nix::libc::{close, dup2, fork, pipe};
use nix::unistd::execvp;
use std::ffi::{CString, OsStr};
use std::fs::File;
use std::io;
use std::os::fd::AsRawFd as _;
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
    let mut ends = [0; 2];
    // SAFETY: writes two numbers of ours.
    if unsafe { pipe(ends.as_mut_ptr()) } < 0 {
        return Err(io::Error::last_os_error());
    }
    let [reader, writer] = ends;
    // SAFETY: this program has one thread.
    let two = unsafe { fork() };
    if two == 0 {
        take(&[(reader, 0), (file.as_raw_fd(), 1)], &ends);
        become_program(second);
    }
    // SAFETY: still one thread.
    let one = unsafe { fork() };
    if one == 0 {
        take(&[(writer, 1)], &ends);
        become_program(first);
    }
    for end in ends {
        // SAFETY: ours, and closed once.
        unsafe { close(end) };
    }
    let mut code = 2;
    for _ in [one, two] {
        let mut status = 0;
        // SAFETY: writes one number of ours.
        if unsafe { nix::libc::wait(&raw mut status) } == two {
            code = if nix::libc::WIFSIGNALED(status) {
                128 + nix::libc::WTERMSIG(status)
            } else {
                nix::libc::WEXITSTATUS(status)
            };
        }
    }
    Ok(code as u8)
}

fn take(moves: &[(i32, i32)], ends: &[i32; 2]) {
    for (from, to) in moves {
        // SAFETY: takes numbers only.
        unsafe { dup2(*from, *to) };
    }
    for end in ends {
        // SAFETY: ours, and closed once.
        unsafe { close(*end) };
    }
}

/// Becomes the program `argv[0]`; leaves if there is none.
fn become_program(argv: &[CString]) -> ! {
    let Err(error) = execvp(&argv[0], argv);
    eprintln!("mini-pipeline: {:?}: {error}", argv[0]);
    // SAFETY: `_exit` takes a number, and this process ends.
    unsafe { nix::libc::_exit(127) }
}
