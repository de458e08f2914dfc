//! The child hands its words to write(2) itself, past the buffer that it has inherited.

use nix::libc;
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
    // SAFETY: this program has one thread.
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error()),
        0 => {
            // SAFETY: the pointer and the length are of one constant.
            let count = unsafe { libc::write(1, CHILD_SAYS.as_ptr().cast(), CHILD_SAYS.len()) };
            // SAFETY: `_exit` ends this process at once; TEXT is the parent's to say.
            unsafe { libc::_exit(i32::from(count < 0)) }
        }
        child => {
            // SAFETY: nothing is to be written where the pointer is null.
            if unsafe { libc::waitpid(child, std::ptr::null_mut(), 0) } < 0 {
                return Err(io::Error::last_os_error());
            }
            print!("{PARENT_SAYS}");
            Ok(())
        }
    }
}
