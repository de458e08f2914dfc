//! Tells on standard error what it is about to do.

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

/// Forks. The child says `CHILD_SAYS` and ends; the parent waits for it and says `PARENT_SAYS`.
///
/// Returns in the parent only.
fn split() -> io::Result<()> {
    // One process, one buffer: from here on there is nothing in it that could be copied.
    io::stdout().flush()?;
    // SAFETY: this program has one thread.
    match unsafe { fork() }? {
        ForkResult::Child => {
            print!("{CHILD_SAYS}");
            let code = i32::from(io::stdout().flush().is_err());
            // SAFETY: `_exit` ends this process at once, and its buffer has been emptied.
            unsafe { nix::libc::_exit(code) }
        }
        ForkResult::Parent { child } => {
            eprintln!("waiting for {child} to say {CHILD_SAYS:?}, then {PARENT_SAYS:?}");
            waitpid(child, None)?;
            print!("{PARENT_SAYS}");
            Ok(())
        }
    }
}
