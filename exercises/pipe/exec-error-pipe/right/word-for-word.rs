//! The child says it as well, word for word, and ends with the same code.

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
    // SAFETY: this program has one thread.
    match unsafe { fork() }? {
        ForkResult::Child => {
            let Err(error) = execv(&argv[0], argv);
            eprintln!("exec-error-pipe: {}", io::Error::from(error));
            let _ = failed.write_all(&(error as i32).to_ne_bytes());
            std::process::exit(125)
        }
        ForkResult::Parent { child } => {
            drop(failed);
            let mut number = Vec::new();
            why.read_to_end(&mut number)?;
            let Ok(number) = number.try_into() else {
                return Ok(child);
            };
            waitpid(child, None)?;
            Err(io::Error::from_raw_os_error(i32::from_ne_bytes(number)))
        }
    }
}
