//! `Command` does all of this: its `spawn` returns when exec has succeeded, or with its error.

use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::Pid;
use std::ffi::{CString, OsStr};
use std::io;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::process::{Command, ExitCode};

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
    let mut words = argv.iter().map(|arg| OsStr::from_bytes(arg.to_bytes()));
    let Some(program) = words.next() else { return Err(io::ErrorKind::InvalidInput.into()) };
    let child = Command::new(program).args(words).spawn()?;
    Ok(Pid::from_raw(child.id().cast_signed()))
}
