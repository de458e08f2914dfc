//! The first number that is opened is 3, as a rule.
//! Told: "3 was open from the beginning"

use std::io;
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
    std::mem::forget(std::fs::File::create(path)?);
    // SAFETY: it takes numbers only.
    unsafe {
        nix::libc::dup2(3, 1);
        nix::libc::close(3)
    };
    Ok(())
}
