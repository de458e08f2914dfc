//! A thread reads the number, in the program itself.
//! Told: "There is no child"

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
    Ok(std::thread::spawn(read_code).join().unwrap_or(2))
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
