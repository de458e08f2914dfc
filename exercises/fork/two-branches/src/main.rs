//! two-branches: forks; the child exits with a number that only it reads, and the parent with the same.

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

/// Forks. The child exits with what `read_code` gives it; the parent waits for the child, and returns
/// the code that it exited with.
///
/// Returns in the parent only: the child's life ends in here.
fn relay() -> nix::Result<u8> {
    todo!("fork; let the child exit with its code; in the parent, wait, and decode how it ended")
}

/// The child's part: reads a number from 0 to 255 from standard input.
#[allow(dead_code, reason = "until `relay` calls it")]
fn read_code() -> u8 {
    let text = std::io::read_to_string(std::io::stdin()).unwrap_or_default();
    text.trim().parse().unwrap_or_else(|_| {
        eprintln!("two-branches: expected a number from 0 to 255, got {text:?}");
        std::process::exit(2)
    })
}
