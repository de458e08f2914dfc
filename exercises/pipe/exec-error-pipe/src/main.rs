//! exec-error-pipe PROGRAM [ARGUMENT...]: starts a program, says when it has begun, and ends as it ends.

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
    todo!("start {argv:?}; learn from a pipe whether exec has failed, and why")
}
