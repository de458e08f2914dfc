//! The old file is removed, and a new one made in its place.
//! Told: "Another file stands in FILE's place"

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
    let _ = std::fs::remove_file(path);
    let f = std::fs::File::create_new(path)?;
    nix::unistd::dup2_stdout(&f)?;
    Ok(())
}
