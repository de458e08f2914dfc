//! redirect-stdout FILE COMMAND [ARGUMENT…]: what COMMAND writes goes into FILE.
//!
//! The tempting mistake is the order of dup2's arguments. It is that of a copy: from the old number to the new one. The second argument is the one
//! that changes its meaning, and the program that comes afterwards writes to 1.
//!
//! The second one is what is left over. The file has a number of its own besides, and COMMAND would inherit it, were it not
//! close-on-exec. dup2 doesn't copy that mark to the new number, which is what we want: 1 has to survive the exec, and the other one not.

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

/// Leads the standard output to the file at `path`, which is made if it isn't there, and emptied if it is.
///
/// It is to stay so when this process becomes another program, and no other number is to lead there then.
fn redirect(path: &Path) -> io::Result<()> {
    // Marked close-on-exec by std, and closed at the end of this line.
    nix::unistd::dup2_stdout(File::create(path)?)?;
    Ok(())
}
