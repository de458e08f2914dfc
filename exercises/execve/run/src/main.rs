//! run PROGRAM [ARG…]: runs a program, waits for its end, and exits as it has.

use std::ffi::CString;
use std::io;
use std::os::unix::ffi::OsStringExt as _;
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
    todo!("make a child that becomes {:?}, wait for its end, and return how it ended", argv[0])
}
