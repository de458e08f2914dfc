//! A child that borrows the parent's memory, as vfork makes one: it has no page fault of its own.

use nix::sched::{CloneFlags, clone};
use nix::sys::signal::Signal;
use nix::sys::wait::waitpid;
use nix::unistd::write;
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
    let mut stack = vec![1; 64 * 1024];
    let flags = CloneFlags::CLONE_VM | CloneFlags::CLONE_VFORK;
    let says = || isize::from(write(io::stdout(), CHILD_SAYS.as_bytes()).is_err());
    // SAFETY: this process sleeps until the child, which has a stack of its own, has ended.
    let child = unsafe { clone(Box::new(says), &mut stack, flags, Some(Signal::SIGCHLD as i32)) }?;
    waitpid(child, None)?;
    print!("{PARENT_SAYS}");
    Ok(())
}
