//! exit-or-_exit TEXT: three texts from two processes, and each of them comes out exactly once.
//!
//! The tempting mistake is to let the child end as programs end, by `exit` or by returning from `main`. That empties
//! the buffers of standard output, and the child's are copies: TEXT, still waiting in the parent's buffer when it
//! forked, then comes out of both. Ending the child by `_exit` alone trades this for the opposite: `_exit` forgets
//! the buffers, and with them what the child itself has printed.
//!
//! So empty the buffer while there is one copy of it, before the fork; and let the child empty its own, before it
//! leaves by `_exit`, which also spares it the exit handlers that are the parent's to run.

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
            waitpid(child, None)?;
            print!("{PARENT_SAYS}");
            Ok(())
        }
    }
}
