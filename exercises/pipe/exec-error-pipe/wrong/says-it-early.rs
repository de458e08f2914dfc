//! It says early that a child has started, and knows only by its end that the program has begun.
//! Told: "only when the other program goes on"

use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid, waitpid};
use nix::unistd::{ForkResult, Pid, execv, fork};
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
    // SAFETY: this program has one thread.
    match unsafe { fork() }? {
        ForkResult::Child => {
            let Err(error) = execv(&argv[0], argv);
            // SAFETY: `_exit` ends this process at once; it has no buffer of its own.
            unsafe { nix::libc::_exit(error as i32) }
        }
        ForkResult::Parent { child } => {
            println!("child {child} started");
            match waitid(Id::Pid(child), WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT)? {
                WaitStatus::Exited(_, 0) => Ok(child),
                WaitStatus::Exited(_, error) if error != 3 => {
                    waitpid(child, None)?;
                    Err(io::Error::from_raw_os_error(error))
                }
                _ => Ok(child),
            }
        }
    }
}
