//! It tells on standard error all that it does.

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
    let own = std::process::id();
    eprintln!("parent {own}: the pipe is made");
    for (number, argument) in argv.iter().enumerate() {
        eprintln!("parent {own}: argument {number} is {argument:?}");
    }
    // SAFETY: this program has one thread.
    match unsafe { fork() }? {
        ForkResult::Child => {
            let own = std::process::id();
            eprintln!("child {own}: it is there, and has {} arguments for exec", argv.len());
            let Err(error) = execv(&argv[0], argv);
            eprintln!("child {own}: exec of {:?} has failed: {error}", argv[0]);
            let _ = failed.write_all(&(error as i32).to_ne_bytes());
            std::process::exit(127)
        }
        ForkResult::Parent { child } => {
            drop(failed);
            eprintln!("parent {own}: the child is {child}, and one end is closed");
            let mut number = Vec::new();
            why.read_to_end(&mut number)?;
            eprintln!("parent {own}: the pipe's end is there, after {number:?}");
            let Ok(number) = number.try_into() else {
                return Ok(child);
            };
            eprintln!("parent {own}: {:?}", waitpid(child, None)?);
            Err(io::Error::from_raw_os_error(i32::from_ne_bytes(number)))
        }
    }
}
