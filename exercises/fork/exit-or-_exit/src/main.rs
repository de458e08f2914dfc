//! exit-or-_exit TEXT: three texts from two processes, and each of them comes out exactly once.

use std::io;
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
    todo!("fork; the child says {CHILD_SAYS:?}, then the parent {PARENT_SAYS:?}")
}
