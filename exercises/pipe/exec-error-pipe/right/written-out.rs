//! The number is written as text, into a pair of sockets, and read to the end.

use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid, execvp, fork};
use std::ffi::CString;
use std::io::{self, Read as _, Write as _};
use std::os::unix::ffi::OsStringExt as _;
use std::os::unix::net::UnixStream;
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
    let (mut why, mut failed) = UnixStream::pair()?;
    // SAFETY: this program has one thread.
    let child = match unsafe { fork() }? {
        ForkResult::Parent { child } => child,
        ForkResult::Child => {
            let Err(error) = execvp(&argv[0], argv);
            let _ = write!(failed, "{}", error as i32);
            std::process::exit(1);
        }
    };
    drop(failed);
    let mut text = String::new();
    why.read_to_string(&mut text)?;
    match text.parse() {
        Err(_) => Ok(child),
        Ok(number) => {
            waitpid(child, None)?;
            Err(io::Error::from_raw_os_error(number))
        }
    }
}
