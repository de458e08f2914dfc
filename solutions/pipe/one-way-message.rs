//! one-way-message TEXT: a parent tells its child something, through a pipe.
//!
//! The tempting mistake is to close nothing, since nothing seems to be in the way. A fork makes four ends of two. The child reads
//! until *nobody* can write any more, and there are two who could: the parent, and the child itself, by an end that it has never
//! wanted. While it has that one, it waits for itself.
//!
//! The second one is in the parent, and is harder to see, because the end is closed: at the closing brace, behind the
//! `waitpid`. The child waits for the end of the pipe, and the parent, before it would bring that about, for the end of the child.

use nix::errno::Errno;
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid, fork};
use std::io::{self, Read as _, Write as _};
use std::process::ExitCode;

fn main() -> ExitCode {
    let Some(text) = std::env::args().nth(1) else {
        eprintln!("one-way-message: expected a text");
        return ExitCode::from(2);
    };
    match tell(text.as_bytes()) {
        Ok(code) => {
            eprintln!("the child has ended");
            ExitCode::from(code)
        }
        Err(error) => {
            eprintln!("one-way-message: {error}");
            ExitCode::from(2)
        }
    }
}

/// Makes a pipe and a child, and writes `text` into the pipe. The child reads until the pipe's end, gives what it has read to
/// `hear`, and ends with the code that this returns.
///
/// Returns the child's code, in the parent only, when the child has been reaped.
fn tell(text: &[u8]) -> io::Result<u8> {
    let (read_end, mut write_end) = io::pipe()?;
    // SAFETY: this program has one thread.
    match unsafe { fork() }? {
        ForkResult::Child => {
            // While it is open here, this process waits for itself.
            drop(write_end);
            std::process::exit(listen(read_end))
        }
        ForkResult::Parent { child } => {
            drop(read_end);
            let written = write_end.write_all(text);
            // The child goes on when this is closed, so it must not stay open during the wait.
            drop(write_end);
            let code = code_of(child)?;
            written.map(|()| code)
        }
    }
}

fn listen(mut pipe: io::PipeReader) -> i32 {
    let mut heard = Vec::new();
    match pipe.read_to_end(&mut heard) {
        Ok(_) => hear(&heard).into(),
        Err(error) => {
            eprintln!("one-way-message, child: {error}");
            2
        }
    }
}

fn code_of(child: Pid) -> io::Result<u8> {
    loop {
        match waitpid(child, None) {
            Ok(WaitStatus::Exited(_, code)) => return Ok(code as u8),
            Ok(other) => {
                return Err(io::Error::other(format!("the child did not exit: {other:?}")));
            }
            Err(Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}
/// The child's part: says what it has heard. What it returns is the child's exit code.
fn hear(text: &[u8]) -> u8 {
    println!("pid {} heard: {}", std::process::id(), String::from_utf8_lossy(text));
    (text.len() % 100) as u8
}
