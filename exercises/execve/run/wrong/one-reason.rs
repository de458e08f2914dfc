//! Takes one reason for all of those why a program that is there can't be executed.
//! Told: "for another reason than EACCES"

use std::ffi::{CString, OsStr};
use std::io;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Command, ExitCode};

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
    let words: Vec<&OsStr> = argv.iter().map(|arg| OsStr::from_bytes(arg.as_bytes())).collect();
    match Command::new(words[0]).args(&words[1..]).status() {
        Ok(status) => Ok(status.code().or(status.signal().map(|n| 128 + n)).unwrap_or(1) as u8),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(126),
        Err(_) => Ok(127),
    }
}
