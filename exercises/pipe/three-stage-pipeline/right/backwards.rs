//! The last stage is made first, so that there is a reader before there is a writer.

use nix::sys::wait::{Id, WaitPidFlag, waitid};
use nix::unistd::{ForkResult, fork};
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

fn run() -> io::Result<()> {
    let (from_2, to_3) = io::pipe()?;
    // SAFETY: this program has one thread, here and below.
    let ForkResult::Parent { child: third } = unsafe { fork() }? else {
        drop(to_3);
        stage(3, from_2, io::stdout())?;
        std::process::exit(0)
    };
    drop(from_2);
    let (from_1, to_2) = io::pipe()?;
    // SAFETY: as above.
    let ForkResult::Parent { child: second } = unsafe { fork() }? else {
        drop(to_2);
        stage(2, from_1, to_3)?;
        std::process::exit(0)
    };
    drop((from_1, to_3));
    // SAFETY: as above.
    let ForkResult::Parent { child: first } = unsafe { fork() }? else {
        stage(1, io::stdin(), to_2)?;
        std::process::exit(0)
    };
    drop(to_2);
    for child in [third, second, first] {
        waitid(Id::Pid(child), WaitPidFlag::WEXITED)?;
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
