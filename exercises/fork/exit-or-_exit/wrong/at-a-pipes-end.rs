//! Takes the end of a pipe for the child's end, and waits for that when it has said its words.
//! Told: "and the child has not ended yet"

use nix::sys::wait::waitpid;
use nix::unistd::{ForkResult, fork, write};
use std::io::{self, Read as _, Write as _};
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
    let (mut until_its_end, alive) = io::pipe()?;
    // SAFETY: this program has one thread.
    match unsafe { fork() }? {
        ForkResult::Child => {
            let said = write(io::stdout(), CHILD_SAYS.as_bytes());
            drop(alive);
            // SAFETY: `_exit` ends this process at once; TEXT is the parent's to say.
            unsafe { nix::libc::_exit(i32::from(said.is_err())) }
        }
        ForkResult::Parent { child } => {
            drop(alive);
            until_its_end.read_to_end(&mut Vec::new())?;
            print!("{PARENT_SAYS}");
            io::stdout().flush()?;
            waitpid(child, None)?;
            Ok(())
        }
    }
}
