//! Gives up where one of the two can't be started, as `?` does.
//! Told: "The first program is not there"

use std::ffi::{CString, OsStr};
use std::fs::File;
use std::io;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Command, ExitCode, Stdio};

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
    let mut one = command(first).stdout(Stdio::piped()).spawn()?;
    let between = one.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
    let mut two = command(second).stdin(between).stdout(file).spawn()?;
    let code =
        |status: std::process::ExitStatus| status.code().or(status.signal().map(|n| 128 + n));
    let ended = two.wait()?;
    one.wait()?;
    Ok(code(ended).unwrap_or(1) as u8)
}

fn command(argv: &[CString]) -> Command {
    let words: Vec<&OsStr> = argv.iter().map(|word| OsStr::from_bytes(word.as_bytes())).collect();
    let mut command = Command::new(words[0]);
    command.args(&words[1..]);
    command
}
