//! The middle itself rings, as the last thing before its end.
//! Told: "speaks while the middle (P2) is still there"

use std::io::{self, Read as _, Write as _};
use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let (gate, adopts) = match args.as_slice() {
        [gate] => (Path::new(gate), false),
        [gate, word] if word == "adopt" => (Path::new(gate), true),
        _ => {
            eprintln!(
                "orphan-adopt: expected the path of a named pipe, and perhaps the word adopt"
            );
            return ExitCode::from(2);
        }
    };
    match make_and_outlive(gate, adopts) {
        Ok(()) => {
            println!("the middle and its child have ended");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("orphan-adopt: {error}");
            ExitCode::from(2)
        }
    }
}

fn make_and_outlive(gate: &Path, adopts: bool) -> io::Result<()> {
    nix::sys::prctl::set_child_subreaper(adopts)?;
    // Everybody who is made from here on holds `alive`, so the pipe ends when all of them have ended.
    let (mut until_all_end, alive) = io::pipe()?;
    make_orphan(gate, &Bell::new()?)?;
    drop(alive);
    until_all_end.read_to_end(&mut Vec::new())?;
    if adopts {
        // The orphan is our child now, and ours to reap.
        let _ = nix::sys::wait::wait();
    }
    Ok(())
}

/// The part of the process in the middle: stands at the gate, and ends when somebody has opened it.
#[allow(dead_code, reason = "until `make_orphan` calls it")]
fn end_at(gate: &Path) -> ! {
    let code =
        match std::fs::File::open(gate).and_then(|mut gate| gate.read_to_end(&mut Vec::new())) {
            Ok(_) => 0,
            Err(_) => 1,
        };
    // SAFETY: `_exit` ends this process at once; it has written nothing.
    unsafe { nix::libc::_exit(code) }
}

/// A bell between processes: one waits for it, and another one rings it, once. It may ring before somebody waits.
#[allow(dead_code, reason = "there are ways that need no bell")]
struct Bell {
    wire: io::PipeReader,
    button: io::PipeWriter,
}

#[allow(dead_code, reason = "there are ways that need no bell")]
impl Bell {
    fn new() -> io::Result<Self> {
        let (wire, button) = io::pipe()?;
        Ok(Self { wire, button })
    }

    /// Sleeps until somebody rings.
    fn wait(&self) -> io::Result<()> {
        (&self.wire).read_exact(&mut [0])
    }

    fn ring(&self) -> io::Result<()> {
        (&self.button).write_all(&[0])
    }
}

fn make_orphan(gate: &Path, bell: &Bell) -> io::Result<()> {
    use nix::{
        libc,
        sys::wait::waitpid,
        unistd::{ForkResult, fork, getppid},
    };
    // SAFETY: this program has one thread.
    match unsafe { fork() }? {
        ForkResult::Parent { child } => {
            waitpid(child, None)?;
            Ok(())
        }
        ForkResult::Child => {
            // SAFETY: this program has one thread.
            if let Ok(ForkResult::Child) = unsafe { fork() } {
                bell.wait()?;
                println!("adopted by pid {}", getppid());
                std::process::exit(0);
            }
            let _ = std::fs::File::open(gate).and_then(|mut g| g.read_to_end(&mut vec![]));
            bell.ring()?;
            // SAFETY: it ends this process.
            unsafe { libc::_exit(0) }
        }
    }
}
