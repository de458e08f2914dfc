//! The program is opened first, and exec is told its descriptor.

use nix::fcntl::{OFlag, open};
use nix::sys::stat::Mode;
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid, fexecve, fork};
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
    let variables = std::env::vars_os().map(|(name, value)| {
        CString::new([name.into_vec(), value.into_vec()].join(&b'=')).map_err(io::Error::from)
    });
    let environment = variables.collect::<io::Result<Vec<_>>>()?;
    // SAFETY: this program has one thread.
    match unsafe { fork() }? {
        ForkResult::Child => {
            let flags = OFlag::O_PATH | OFlag::O_CLOEXEC;
            let program = open(argv[0].as_c_str(), flags, Mode::empty());
            let Err(error) = program.and_then(|program| fexecve(program, argv, &environment));
            let _ = failed.write_all(&(error as i32).to_ne_bytes());
            std::process::exit(127)
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
