//! By `Command`, whose error is handed on, to a caller that expects a code.
//! Told: "`run` returned an error, and not a code"

use std::ffi::CString;
use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::ffi::OsStringExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::process::Command;
use std::process::ExitCode;

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

/// Runs the program `argv[0]`, as it is or from `PATH`, in a child. `argv` is what the program is told: its name, and then its arguments.
///
/// Waits for its end, and returns its exit code; 128 and the signal's number if a signal has killed it; 127 if there is no
/// such program, and 126 if there is one that can't be executed.
///
/// Returns in the parent only.
fn run(argv: &[CString]) -> io::Result<u8> {
    let words: Vec<_> = argv.iter().map(|word| OsStr::from_bytes(word.as_bytes())).collect();
    let status = Command::new(words[0]).args(&words[1..]).status()?;
    Ok(status.code().map_or_else(|| 128 + status.signal().unwrap_or(0) as u8, |code| code as u8))
}
