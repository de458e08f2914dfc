//! The given line is gone, and so is TEXT.
//! Told: "TEXT never came out"

use nix::sys::wait::waitpid;
use nix::unistd::{ForkResult, fork};
use std::io;
use std::process::ExitCode;

/// What the child has to say.
const CHILD_SAYS: &str = " | the child was here";
/// What the parent says after the child's end.
const PARENT_SAYS: &str = " | the parent saw it end";

fn main() -> ExitCode {
    let Some(_) = std::env::args().nth(1) else {
        eprintln!("exit-or-_exit: expected a text");
        return ExitCode::from(2);
    };
    match split() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("exit-or-_exit: {error}");
            ExitCode::from(2)
        }
    }
}

fn split() -> io::Result<()> {
    // SAFETY: this program has one thread.
    match unsafe { fork() }? {
        ForkResult::Child => {
            print!("{CHILD_SAYS}");
            std::process::exit(0)
        }
        ForkResult::Parent { child } => {
            waitpid(child, None)?;
            print!("{PARENT_SAYS}");
            Ok(())
        }
    }
}
