//! Plain libc; waits for whichever child it is, and says what was wrong.

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
    let mut pointers: Vec<*const nix::libc::c_char> = argv.iter().map(|arg| arg.as_ptr()).collect();
    pointers.push(std::ptr::null());
    // SAFETY: this program has one thread.
    let pid = unsafe { nix::libc::fork() };
    if pid == 0 {
        // SAFETY: both are as exec(3) wants them, ended by zero and null.
        unsafe { nix::libc::execvp(pointers[0], pointers.as_ptr()) };
        let error = io::Error::last_os_error();
        eprintln!("cannot run {:?}: {error}", argv[0]);
        let code = if error.kind() == io::ErrorKind::NotFound { 127 } else { 126 };
        // SAFETY: `_exit` takes a number, and this process ends.
        unsafe { nix::libc::_exit(code) };
    }
    let mut status = 0;
    // SAFETY: writes one number of ours.
    if pid < 0 || unsafe { nix::libc::wait(&raw mut status) } < 0 {
        return Err(io::Error::last_os_error());
    }
    if nix::libc::WIFSIGNALED(status) {
        return Ok(128 + nix::libc::WTERMSIG(status) as u8);
    }
    Ok(nix::libc::WEXITSTATUS(status) as u8)
}
