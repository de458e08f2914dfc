//! Plain libc, whose functions decode the status as the macros of wait(2) do.

use nix::errno::Errno;
use nix::libc;
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
    // SAFETY: this program has one thread.
    match unsafe { libc::fork() } {
        -1 => Err(Errno::last()),
        0 => std::process::exit(read_code().into()),
        child => {
            let mut status = 0;
            // SAFETY: writes one integer of ours.
            Errno::result(unsafe { libc::waitpid(child, &raw mut status, 0) })?;
            let exited = libc::WIFEXITED(status);
            Ok(if exited { libc::WEXITSTATUS(status).to_le_bytes()[0] } else { 2 })
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
