//! Looks at the last answer only: that of dup2, which has been given the -1 of open.
//! Told: "otherwise than to report that"

use nix::libc;
use std::ffi::CString;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, ExitCode};

fn main() -> ExitCode {
    let mut args = std::env::args_os().skip(1);
    let (Some(file), Some(command)) = (args.next(), args.next()) else {
        eprintln!("redirect-stdout: expected the path of a file, and a command");
        return ExitCode::from(2);
    };
    if let Err(error) = redirect(Path::new(&file)) {
        eprintln!("redirect-stdout: {error}");
        return ExitCode::FAILURE;
    }
    // This process becomes COMMAND, with its descriptors as they are (chapter 6). Who comes back has an error.
    let error = Command::new(&command).args(args).exec();
    eprintln!("redirect-stdout: {}: {error}", command.display());
    ExitCode::from(127)
}

fn redirect(path: &Path) -> io::Result<()> {
    let path = CString::new(path.as_os_str().as_bytes())?;
    let flags = libc::O_WRONLY | libc::O_CREAT | libc::O_TRUNC | libc::O_CLOEXEC;
    // SAFETY: the path ends with a zero and lives through the call; the others take numbers only.
    unsafe {
        let file = libc::open(path.as_ptr(), flags, 0o666);
        if libc::dup2(file, 1) < 0 {
            return Err(io::Error::last_os_error());
        }
        libc::close(file);
    }
    Ok(())
}
