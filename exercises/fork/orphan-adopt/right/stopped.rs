//! The orphan stops itself, and the program, which has reaped the middle, has it go on.

use nix::sys::signal::{Signal, kill, raise};
use nix::sys::wait::{WaitPidFlag, waitpid};
use nix::unistd::{ForkResult, Pid, fork, getppid};
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

fn make_orphan(gate: &Path, _bell: &Bell) -> io::Result<()> {
    let (mut told, mut tells) = io::pipe()?;
    // SAFETY: this program has one thread.
    if let ForkResult::Parent { child: middle } = unsafe { fork() }? {
        drop(tells);
        let mut orphan = [0; 4];
        told.read_exact(&mut orphan)?;
        waitpid(middle, None)?;
        Ok(kill(Pid::from_raw(i32::from_ne_bytes(orphan)), Signal::SIGCONT)?)
    } else {
        // SAFETY: still one thread.
        if let ForkResult::Parent { child: orphan } = unsafe { fork() }? {
            waitpid(orphan, Some(WaitPidFlag::WUNTRACED))?;
            tells.write_all(&orphan.as_raw().to_ne_bytes())?;
            end_at(gate)
        }
        raise(Signal::SIGSTOP)?;
        println!("adopted by pid {}", getppid());
        std::process::exit(0)
    }
}

/// The part of the process in the middle: stands at the gate, and ends when somebody has opened it.
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
