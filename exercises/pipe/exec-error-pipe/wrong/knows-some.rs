//! Hands on the errors that it knows by name, and takes every other one for EIO.
//! Told: "each exec was made to fail: Argument list too long"

use nix::errno::Errno;
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid, execv, fork};
use std::ffi::CString;
use std::io::{self, ErrorKind, PipeReader, Read as _, Write as _};
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
    let (why, mut failed) = io::pipe()?; // both close-on-exec
    // SAFETY: this program has one thread.
    match unsafe { fork() }? {
        ForkResult::Child => {
            let Err(error) = execv(&argv[0], argv);
            let known = match error {
                Errno::ENOENT | Errno::EACCES | Errno::ENOMEM | Errno::ELOOP => error,
                _ => Errno::EIO,
            };
            let _ = failed.write_all(&(known as i32).to_ne_bytes());
            // SAFETY: `_exit` ends this process at once; it has no buffer of its own.
            unsafe { nix::libc::_exit(127) }
        }
        ForkResult::Parent { child } => {
            drop(failed);
            match error_in(why)? {
                None => Ok(child),
                Some(error) => {
                    waitpid(child, None)?;
                    Err(error)
                }
            }
        }
    }
}

/// What the child has written; `None` if the pipe has ended with nothing in it.
fn error_in(mut why: PipeReader) -> io::Result<Option<io::Error>> {
    let mut number = [0; 4];
    match why.read_exact(&mut number) {
        // Four bytes are written at once, so that there are none or all of them.
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(None),
        Err(error) => Err(error),
        Ok(()) => Ok(Some(io::Error::from_raw_os_error(i32::from_ne_bytes(number)))),
    }
}
