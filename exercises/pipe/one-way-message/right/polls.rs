//! The child asks poll whether there is something, and its end of the pipe never blocks.

use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
use nix::unistd::{ForkResult, fork, pipe2, read};
use std::fs::File;
use std::io::{self, Write as _};
use std::os::fd::AsFd as _;
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

fn tell(text: &[u8]) -> io::Result<u8> {
    let (read_end, write_end) = pipe2(OFlag::O_CLOEXEC)?;
    // SAFETY: this program has one thread.
    match unsafe { fork() }? {
        ForkResult::Child => {
            drop(write_end);
            let (mut heard, mut piece) = (Vec::new(), [0; 4096]);
            loop {
                poll(&mut [PollFd::new(read_end.as_fd(), PollFlags::POLLIN)], PollTimeout::NONE)?;
                match read(&read_end, &mut piece)? {
                    0 => break,
                    count => heard.extend(&piece[..count]),
                }
            }
            std::process::exit(hear(&heard).into())
        }
        ForkResult::Parent { child } => {
            File::from(write_end).write_all(text)?;
            match waitid(Id::Pid(child), WaitPidFlag::WEXITED)? {
                WaitStatus::Exited(_, code) => Ok(code as u8),
                other => Err(io::Error::other(format!("{other:?}"))),
            }
        }
    }
}
/// The child's part: says what it has heard. What it returns is the child's exit code.
fn hear(text: &[u8]) -> u8 {
    println!("pid {} heard: {}", std::process::id(), String::from_utf8_lossy(text));
    (text.len() % 100) as u8
}
