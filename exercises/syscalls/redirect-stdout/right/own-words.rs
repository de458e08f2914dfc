//! Says which file could not be made, and of which kind the error is.

use std::fs::File;
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
    let file = File::create(path).map_err(|error| {
        let why = format!("cannot make {}: {}", path.display(), error.kind());
        io::Error::new(error.kind(), why)
    })?;
    Ok(nix::unistd::dup2_stdout(&file)?)
}
