//! Takes a child's exit code for a failure of its own, and leaves the others.
//! Told: "where one of its children exits with 1"

use nix::errno::Errno;
use nix::sys::wait::{WaitStatus, wait};
use nix::unistd::{ForkResult, fork};
use std::io::Read as _;
use std::process::ExitCode;

fn main() -> ExitCode {
    let Some(count) = std::env::args().nth(1).and_then(|text| text.parse().ok()) else {
        eprintln!("five-children: expected a number of children, such as 5");
        return ExitCode::from(2);
    };
    match fan_out(count) {
        Ok(()) => {
            println!("all children have ended");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("five-children: {error}");
            ExitCode::from(2)
        }
    }
}

/// Makes the children 1 to `count`, each of them a child of this process. Child number N ends with the code that
/// `stay(N)` returns. Waits until all of them have ended.
///
/// Returns in the parent only.
fn fan_out(count: u8) -> nix::Result<()> {
    for number in 1..=count {
        // SAFETY: this program has one thread.
        if let ForkResult::Child = unsafe { fork() }? {
            let code = stay(number);
            // SAFETY: `_exit` ends this process at once. `stay` has said its line, so no buffer is lost.
            unsafe { nix::libc::_exit(code.into()) }
        }
    }
    for _ in 0..count {
        match wait()? {
            WaitStatus::Exited(_, 0) => {}
            _ => return Err(Errno::EIO),
        }
    }
    Ok(())
}

/// A child's part: says who it is and stays until standard input ends. What it returns is the child's exit code.
fn stay(number: u8) -> u8 {
    println!(
        "child {number} is pid {}, made by pid {}",
        std::process::id(),
        std::os::unix::process::parent_id()
    );
    match std::io::stdin().read_to_end(&mut Vec::new()) {
        Ok(_) => 0,
        Err(_) => 1,
    }
}
