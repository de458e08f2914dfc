//! The parent waits for the number, reads it, and hands it to its child, which exits with it.
//! Told: "P1 calls read(0"

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, fork, pipe, read, write};
use std::os::fd::AsFd as _;
use std::process::ExitCode;

fn main() -> ExitCode {
    match relay() {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("two-branches: {error}");
            ExitCode::from(2)
        }
    }
}

fn relay() -> nix::Result<u8> {
    let (reader, writer) = pipe()?;
    // SAFETY: this program has one thread.
    match unsafe { fork() }? {
        ForkResult::Child => {
            drop(writer);
            let mut code = [2];
            poll(&mut [PollFd::new(reader.as_fd(), PollFlags::POLLIN)], PollTimeout::NONE)?;
            read(&reader, &mut code)?;
            std::process::exit(code[0].into())
        }
        ForkResult::Parent { child } => {
            let input = std::io::stdin();
            poll(&mut [PollFd::new(input.as_fd(), PollFlags::POLLIN)], PollTimeout::NONE)?;
            write(&writer, &[read_code()])?;
            match waitpid(child, None)? {
                WaitStatus::Exited(_, code) => Ok(u8::try_from(code).unwrap_or(2)),
                _ => Ok(2),
            }
        }
    }
}

/// The child's part: reads a number from 0 to 255 from standard input.
fn read_code() -> u8 {
    let text = std::io::read_to_string(std::io::stdin()).unwrap_or_default();
    text.trim().parse().unwrap_or_else(|_| {
        eprintln!("two-branches: expected a number from 0 to 255, got {text:?}");
        std::process::exit(2)
    })
}
