//! With libc alone, and the file closed by hand.

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
    let how = libc::O_WRONLY | libc::O_CREAT | libc::O_TRUNC;
    // SAFETY: the path is a string that ends with a zero.
    let file = unsafe { libc::open(path.as_ptr(), how, 0o666) };
    if file == -1 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: takes two numbers.
    let led = unsafe { libc::dup2(file, 1) };
    let error = io::Error::last_os_error();
    // SAFETY: the file's number is ours, and nobody uses it afterwards.
    unsafe { libc::close(file) };
    if led == -1 { Err(error) } else { Ok(()) }
}
