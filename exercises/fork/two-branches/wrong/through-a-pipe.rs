//! The number comes through a pipe, and the child exits with 0.
//! Told: "The children exit otherwise than they should"

use nix::errno::Errno;
use nix::sys::wait::waitpid;
use nix::unistd::{ForkResult, fork};
use std::io::{Read as _, Write as _};
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
    let (mut reader, mut writer) = std::io::pipe().map_err(|_| Errno::EIO)?;
    // SAFETY: this program has one thread.
    match unsafe { fork() }? {
        ForkResult::Child => {
            let sent = writer.write_all(&[read_code()]);
            std::process::exit(i32::from(sent.is_err()))
        }
        ForkResult::Parent { child } => {
            let mut code = [0];
            reader.read_exact(&mut code).map_err(|_| Errno::EIO)?;
            waitpid(child, None)?;
            Ok(code[0])
        }
    }
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
