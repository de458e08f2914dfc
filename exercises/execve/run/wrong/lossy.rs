//! Makes text of all words, whatever bytes they are.
//! Told: "A word that is not UTF-8"

use std::ffi::CString;
use std::io;
use std::os::unix::ffi::OsStringExt as _;
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
    let words: Vec<_> = argv.iter().map(|word| word.to_string_lossy().into_owned()).collect();
    match Command::new(&words[0]).args(&words[1..]).status() {
        Ok(status) => {
            Ok(status.code().or(status.signal().map(|signal| 128 + signal)).unwrap_or(1) as u8)
        }
        Err(error) => {
            eprintln!("run: {:?}: {error}", argv[0]);
            Ok(if error.kind() == io::ErrorKind::NotFound { 127 } else { 126 })
        }
    }
}
