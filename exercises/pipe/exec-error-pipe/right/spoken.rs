//! It says whom it has made.

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

/// Makes a child that becomes the program `argv[0]`, and returns when that has begun.
///
/// # Errors
/// That of exec, if the program can't begin: its number, as the child has got it. The child is reaped then.
fn start(argv: &[CString]) -> io::Result<Pid> {
    use nix::fcntl::OFlag;
    use nix::unistd::{ForkResult, execv, fork, pipe2, read, write};
    let (r, w) = pipe2(OFlag::O_CLOEXEC)?;
    // SAFETY: this program has one thread.
    match unsafe { fork() }? {
        ForkResult::Child => {
            let error = execv(&argv[0], argv).unwrap_err() as i32;
            let _ = write(&w, &error.to_ne_bytes());
            // SAFETY: it ends this process.
            unsafe { nix::libc::_exit(127) }
        }
        ForkResult::Parent { child } => {
            println!("made pid {child}");
            drop(w);
            let mut n = [0; 4];
            if read(&r, &mut n)? == 0 {
                return Ok(child);
            }
            waitpid(child, None)?;
            Err(io::Error::from_raw_os_error(i32::from_ne_bytes(n)))
        }
    }
}
