//! Plain libc: pipe2, fork, execv, and errno as it is.

use nix::libc;
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::Pid;
use std::ffi::CString;
use std::io;
use std::os::unix::ffi::OsStringExt as _;
use std::process::ExitCode;

fn main() -> ExitCode {
    let args = std::env::args_os().skip(1).map(|arg| CString::new(arg.into_vec()));
    let Some(argv) = args.collect::<Result<Vec<_>, _>>().ok().filter(|argv| !argv.is_empty())
    else {
        eprintln!("exec-error-pipe: expected the path of a program, and perhaps arguments");
        return ExitCode::from(2);
    };
    match start(&argv).and_then(|child| {
        println!("started");
        Ok(waitpid(child, None)?)
    }) {
        Ok(WaitStatus::Exited(_, code)) => ExitCode::from(code.to_le_bytes()[0]),
        Ok(_) => ExitCode::from(1),
        Err(error) => {
            eprintln!("exec-error-pipe: {error}");
            ExitCode::from(125)
        }
    }
}

fn start(argv: &[CString]) -> io::Result<Pid> {
    let mut pointers: Vec<_> = argv.iter().map(|arg| arg.as_ptr()).collect();
    pointers.push(std::ptr::null());
    let mut ends = [0; 2];
    // SAFETY: the array has room for the two numbers.
    check(unsafe { libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC) })?;
    let [why, failed] = ends;
    // SAFETY: this program has one thread.
    let child = check(unsafe { libc::fork() })?;
    if child == 0 {
        // SAFETY: strings that end with a zero, in a list that ends with a null; both live through the call.
        unsafe { libc::execv(pointers[0], pointers.as_ptr()) };
        let number = io::Error::last_os_error().raw_os_error().unwrap_or_default();
        // SAFETY: four bytes are read from `number`.
        unsafe { libc::write(failed, (&raw const number).cast(), 4) };
        // SAFETY: `_exit` ends this process at once; it has no buffer of its own.
        unsafe { libc::_exit(1) };
    }
    let mut number = 0i32;
    // SAFETY: this process's write end; nobody uses it any more.
    check(unsafe { libc::close(failed) })?;
    // SAFETY: there is room for four bytes in `number`.
    let count = unsafe { libc::read(why, (&raw mut number).cast(), 4) };
    // SAFETY: the read end; nobody uses it any more.
    check(unsafe { libc::close(why) })?;
    if count == 0 {
        return Ok(Pid::from_raw(child));
    }
    // SAFETY: a null pointer says that the status is not wanted.
    check(unsafe { libc::waitpid(child, std::ptr::null_mut(), 0) })?;
    Err(io::Error::from_raw_os_error(number))
}

fn check(result: i32) -> io::Result<i32> {
    if result == -1 { Err(io::Error::last_os_error()) } else { Ok(result) }
}
