//! five-children COUNT: so many children of one parent, all there at the same time.
//!
//! The tempting mistake is to let the child go on from where it was made: in the middle of the loop. It is a whole
//! process with a loop counter of its own, so it makes children as well, and five rounds make 31 of them. A
//! child whose part is over must leave, here by `_exit`, before it comes to the end of the loop's body.
//!
//! Its opposite is the chain: if the parent leaves the loop and the child stays in it, there are five new processes, but
//! each is the last one's child. And a parent that waits in the loop has one child at a time: first make all of
//! them, then wait for all of them.

use nix::errno::Errno;
use nix::sys::wait::wait;
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
    loop {
        match wait() {
            Ok(_) | Err(Errno::EINTR) => {}
            // Whoever has no child left has waited for all of them.
            Err(Errno::ECHILD) => return Ok(()),
            Err(error) => return Err(error),
        }
    }
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
