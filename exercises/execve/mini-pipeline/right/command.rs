//! By the standard library's `Command`.

use std::ffi::{CString, OsStr};
use std::fs::File;
use std::io;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, Command, ExitCode};

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
    let one = start(command(first).stdout(writer));
    let two = start(command(second).stdin(reader).stdout(file));
    let code = end_of(two);
    end_of(one)?;
    code
}

/// `None`, and a complaint: there is no such program.
fn start(command: &mut Command) -> Option<Child> {
    let complain = |error: &io::Error| eprintln!("mini-pipeline: {error}");
    command.spawn().inspect_err(complain).ok()
}

fn end_of(child: Option<Child>) -> io::Result<u8> {
    let Some(mut child) = child else { return Ok(127) };
    let status = child.wait()?;
    Ok(status.code().or(status.signal().map(|number| 128 + number)).unwrap_or(1) as u8)
}

fn command(argv: &[CString]) -> Command {
    let words: Vec<&OsStr> = argv.iter().map(|word| OsStr::from_bytes(word.as_bytes())).collect();
    let mut command = Command::new(words[0]);
    command.args(&words[1..]);
    command
}
