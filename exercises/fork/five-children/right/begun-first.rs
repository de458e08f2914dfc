//! Is told by a pipe that all have begun, and by SIGCHLD that somebody has ended.

use nix::errno::Errno;
use nix::sys::signal::{SigSet, Signal};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
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

fn fan_out(count: u8) -> nix::Result<()> {
    let mut news = SigSet::empty();
    news.add(Signal::SIGCHLD);
    news.thread_block()?;
    let failed = |error: std::io::Error| Errno::from_raw(error.raw_os_error().unwrap_or(0));
    let (mut begun, says) = std::io::pipe().map_err(failed)?;
    for number in 1..=count {
        // SAFETY: this program has one thread.
        if let ForkResult::Child = unsafe { fork() }? {
            drop((begun, says));
            let code = stay(number);
            // SAFETY: `_exit` ends this process at once. `stay` has said its line, so no buffer is lost.
            unsafe { nix::libc::_exit(code.into()) }
        }
    }
    drop(says);
    begun.read_to_end(&mut Vec::new()).map_err(failed)?;
    loop {
        news.wait()?;
        loop {
            match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
                Ok(WaitStatus::StillAlive) => break,
                Ok(_) => {}
                Err(Errno::ECHILD) => return Ok(()),
                Err(error) => return Err(error),
            }
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
