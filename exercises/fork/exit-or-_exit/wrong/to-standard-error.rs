//! The child says its words where nothing is kept in a buffer: on standard error.
//! Told: "Which of its descriptors did the child write to"

use nix::sys::wait::waitpid;
use nix::unistd::{ForkResult, fork};
use std::io::{self, Write as _};
use std::process::ExitCode;

/// What the child has to say.
const CHILD_SAYS: &str = " | the child was here";
/// What the parent says after the child's end.
const PARENT_SAYS: &str = " | the parent saw it end";

fn main() -> ExitCode {
    let Some(text) = std::env::args().nth(1) else {
        eprintln!("exit-or-_exit: expected a text");
        return ExitCode::from(2);
    };
    // This line stays as it is. There is no newline in it: where are its bytes when it returns?
    print!("{text}");
    match split() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("exit-or-_exit: {error}");
            ExitCode::from(2)
        }
    }
}

fn split() -> io::Result<()> {
    io::stdout().flush()?;
    // SAFETY: this program has one thread.
    match unsafe { fork() }? {
        ForkResult::Child => {
            eprint!("{CHILD_SAYS}");
            std::process::exit(0)
        }
        ForkResult::Parent { child } => {
            waitpid(child, None)?;
            print!("{PARENT_SAYS}");
            Ok(())
        }
    }
}
