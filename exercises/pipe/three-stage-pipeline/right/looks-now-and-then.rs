//! It looks now and then whether its stages have ended.

use std::io::{self, Read, Write};
use std::process::ExitCode;

fn main() -> ExitCode {
    match run() {
        Ok(()) => {
            eprintln!("all stages have ended");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("three-stage-pipeline: {error}");
            ExitCode::from(2)
        }
    }
}

/// Runs the stages 1, 2 and 3, each in a child of this process, all at the same time. Stage 1 reads standard input, stage 3
/// writes standard output; a pipe leads from stage 1 to stage 2, another one from stage 2 to stage 3. None of them has an end that it does
/// not use, and this process has none at all.
///
/// Returns in the parent only, when all three have ended and are reaped.
fn run() -> io::Result<()> {
    use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
    use nix::unistd::{ForkResult, fork};
    let (r1, w1) = io::pipe()?;
    let mut pids = vec![];
    // SAFETY: this program has one thread.
    match unsafe { fork() }? {
        ForkResult::Child => {
            drop(r1);
            std::process::exit(stage(1, io::stdin(), w1).is_err().into())
        }
        ForkResult::Parent { child } => pids.push(child),
    }
    drop(w1);
    let (r2, w2) = io::pipe()?;
    // SAFETY: this program has one thread.
    match unsafe { fork() }? {
        ForkResult::Child => {
            drop(r2);
            std::process::exit(stage(2, r1, w2).is_err().into())
        }
        ForkResult::Parent { child } => pids.push(child),
    }
    drop((r1, w2));
    // SAFETY: this program has one thread.
    match unsafe { fork() }? {
        ForkResult::Child => std::process::exit(stage(3, r2, io::stdout()).is_err().into()),
        ForkResult::Parent { child } => pids.push(child),
    }
    drop(r2);
    for pid in pids {
        while waitpid(pid, Some(WaitPidFlag::WNOHANG))? == WaitStatus::StillAlive {
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
    }
    Ok(())
}

/// A stage: reads to the end, and writes what it makes of it.
fn stage(number: u8, mut input: impl Read, mut output: impl Write) -> io::Result<()> {
    let mut piece = [0; 8192];
    loop {
        let count = input.read(&mut piece)?;
        if count == 0 {
            return output.flush();
        }
        for byte in &mut piece[..count] {
            *byte = match (number, *byte) {
                (1, byte) => byte.to_ascii_uppercase(),
                (2, b'A' | b'E' | b'I' | b'O' | b'U') => b'*',
                (3, b'*') => b'-',
                (_, byte) => byte,
            };
        }
        output.write_all(&piece[..count])?;
    }
}
