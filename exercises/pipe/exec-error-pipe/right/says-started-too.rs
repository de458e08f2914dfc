//! It says of the child that it has started, before anybody knows whether exec will succeed, and more where that has failed.

use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid, execv, fork};
use std::ffi::CString;
use std::io::{self, Read as _, Write as _};
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
    let (mut why, mut failed) = io::pipe()?;
    print!("this is pid {}: ", std::process::id());
    // SAFETY: this program has one thread.
    match unsafe { fork() }? {
        ForkResult::Child => {
            let Err(error) = execv(&argv[0], argv);
            let _ = failed.write_all(&(error as i32).to_ne_bytes());
            // SAFETY: `_exit` ends this process at once; what is in its buffer is the parent's.
            unsafe { nix::libc::_exit(127) }
        }
        ForkResult::Parent { child } => {
            drop(failed);
            println!("child {child} started");
            let mut number = Vec::new();
            why.read_to_end(&mut number)?;
            let Ok(number) = number.try_into() else {
                print!("and now its program is ");
                return Ok(child);
            };
            println!("its program is not started");
            waitpid(child, None)?;
            Err(io::Error::from_raw_os_error(i32::from_ne_bytes(number)))
        }
    }
}
