//! The parent's words are said by a second child.
//! Told: "A child says the parent's words"

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

fn split() -> io::Result<()> {
    use nix::{
        sys::wait::wait,
        unistd::{ForkResult, fork},
    };
    use std::io::Write as _;
    io::stdout().flush()?;
    // SAFETY: this program has one thread.
    if let ForkResult::Child = unsafe { fork() }? {
        print!("{CHILD_SAYS}");
        std::process::exit(0)
    }
    // SAFETY: this program has one thread.
    if let ForkResult::Child = unsafe { fork() }? {
        print!("{PARENT_SAYS}");
        std::process::exit(0)
    }
    wait()?;
    wait()?;
    Ok(())
}
