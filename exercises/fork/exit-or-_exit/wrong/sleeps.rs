//! A child is soon done, it believes.
//! Told: "A child stays a zombie"

use nix::sys::wait::{WaitPidFlag, waitpid};
use nix::unistd::{ForkResult, fork};
use std::io;
use std::io::Write as _;
use std::process::ExitCode;
use std::time::Duration;

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
            print!("{CHILD_SAYS}");
            std::process::exit(0)
        }
        ForkResult::Parent { child } => {
            std::thread::sleep(Duration::from_millis(200));
            waitpid(child, Some(WaitPidFlag::WNOHANG))?;
            print!("{PARENT_SAYS}");
            Ok(())
        }
    }
}
