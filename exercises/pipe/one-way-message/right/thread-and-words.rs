//! A thread writes, and the first one says meanwhile whom it tells something.

use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, fork};
use std::io::{self, Read as _, Write as _};
use std::process::ExitCode;
use std::thread;

fn main() -> ExitCode {
    let Some(text) = std::env::args().nth(1) else {
        eprintln!("one-way-message: expected a text");
        return ExitCode::from(2);
    };
    match tell(text.as_bytes()) {
        Ok(code) => {
            eprintln!("the child has ended");
            ExitCode::from(code)
        }
        Err(error) => {
            eprintln!("one-way-message: {error}");
            ExitCode::from(2)
        }
    }
}

fn tell(text: &[u8]) -> io::Result<u8> {
    let (mut reader, mut writer) = io::pipe()?;
    // SAFETY: this program has one thread.
    let child = match unsafe { fork() }? {
        ForkResult::Child => {
            drop(writer);
            let mut heard = Vec::new();
            let read = reader.read_to_end(&mut heard);
            std::process::exit(read.map_or(255, |_| hear(&heard)).into())
        }
        ForkResult::Parent { child } => child,
    };
    drop(reader);
    let ended = thread::scope(|scope| {
        let says = scope.spawn(move || writer.write_all(text));
        let _ = writeln!(io::stdout(), "pid {child} is told {} bytes", text.len());
        says.join().unwrap_or_else(|_| Err(io::Error::other("the writer panicked")))?;
        io::Result::Ok(waitpid(child, None)?)
    })?;
    match ended {
        WaitStatus::Exited(_, code) => Ok(code as u8),
        _ => Err(io::Error::other("the child was killed")),
    }
}

/// The child's part: says what it has heard. What it returns is the child's exit code.
fn hear(text: &[u8]) -> u8 {
    println!("pid {} heard: {}", std::process::id(), String::from_utf8_lossy(text));
    (text.len() % 100) as u8
}
