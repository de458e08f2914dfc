//! Execs in place: nobody is left to wait.
//! Told: "Nobody is left to say how it ended"

use nix::errno::Errno;
use nix::unistd::execvp;
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

fn run(argv: &[CString]) -> io::Result<u8> {
    let Err(error) = execvp(&argv[0], argv);
    Ok(if error == Errno::ENOENT { 127 } else { 126 })
}
