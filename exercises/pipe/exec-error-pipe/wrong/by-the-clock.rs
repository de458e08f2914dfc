//! Looks into the pipe again every millisecond, until it ends or a number is there.
//! Told: "sleeps by the clock"

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
    use std::io::{Read, Write};
    use std::os::fd::AsRawFd;
    // nonblocking: not yet there means "started"
    let (mut r, mut w) = io::pipe()?;
    // SAFETY: it takes numbers only.
    unsafe { nix::libc::fcntl(r.as_raw_fd(), nix::libc::F_SETFL, nix::libc::O_NONBLOCK) };
    // SAFETY: this program has one thread.
    match unsafe { nix::unistd::fork() }? {
        nix::unistd::ForkResult::Child => {
            let Err(e) = nix::unistd::execv(&argv[0], argv);
            let _ = w.write_all(&(e as i32).to_ne_bytes());
            // SAFETY: it ends this process.
            unsafe { nix::libc::_exit(1) }
        }
        nix::unistd::ForkResult::Parent { child } => {
            drop(w);
            let mut s = [0; 4];
            loop {
                match r.read(&mut s) {
                    Ok(0) => return Ok(child),
                    Ok(_) => {
                        waitpid(child, None)?;
                        return Err(io::Error::from_raw_os_error(i32::from_ne_bytes(s)));
                    }
                    Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
                        std::thread::sleep(std::time::Duration::from_millis(1))
                    }
                    Err(e) => return Err(e),
                }
            }
        }
    }
}
