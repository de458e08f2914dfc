//! posix_spawnp makes the child and its exec, and returns the error of either.

use nix::libc;
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
    let mut list: Vec<_> = argv.iter().map(|arg| arg.as_ptr().cast_mut()).collect();
    list.push(std::ptr::null_mut());
    let mut child = 0;
    // SAFETY: the strings and both lists end as they should, and live through the call; `child` is ours to write.
    let error = unsafe {
        let (no_actions, no_attributes) = (std::ptr::null(), std::ptr::null());
        libc::posix_spawnp(
            &raw mut child,
            list[0],
            no_actions,
            no_attributes,
            list.as_ptr(),
            environ.cast(),
        )
    };
    if error != 0 {
        eprintln!("run: {}", io::Error::from_raw_os_error(error));
        return Ok(if error == libc::ENOENT { 127 } else { 126 });
    }
    let mut status = 0;
    // SAFETY: `status` is ours to write.
    while unsafe { libc::waitpid(child, &raw mut status, 0) } < 0 {
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
    let number = if libc::WIFSIGNALED(status) {
        128 + libc::WTERMSIG(status)
    } else {
        libc::WEXITSTATUS(status)
    };
    Ok(number as u8)
}

unsafe extern "C" {
    static environ: *const *const libc::c_char;
}
