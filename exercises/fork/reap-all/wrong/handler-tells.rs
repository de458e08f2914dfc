//! A handler reaps and tells; between the look at what is left and the pause, it may have done so for the last time.
//! Told: "Nobody is left who would send P1 a signal"

use nix::unistd::{ForkResult, Pid, fork};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

fn main() -> ExitCode {
    let gates: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    if gates.is_empty() || gates.len() > 100 {
        eprintln!("reap-all: expected 1 to 100 paths of named pipes, got {}", gates.len());
        return ExitCode::from(2);
    }
    match start_all(&gates).and_then(|children| reap_all(&children)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("reap-all: {error}");
            ExitCode::from(2)
        }
    }
}

/// Starts one child for each gate. Child number N exits with code N once somebody has opened and closed its gate.
fn start_all(gates: &[PathBuf]) -> nix::Result<Vec<Pid>> {
    let start = |(number, gate): (u8, &PathBuf)| {
        // SAFETY: this program has one thread.
        match unsafe { fork() }? {
            ForkResult::Parent { child } => {
                eprintln!("[parent {}] child {number} is pid {child}", std::process::id());
                Ok(child)
            }
            ForkResult::Child => match pass(gate) {
                Ok(()) => std::process::exit(number.into()),
                Err(error) => {
                    eprintln!("reap-all: cannot pass {}: {error}", gate.display());
                    std::process::exit(127)
                }
            },
        }
    };
    (1..).zip(gates).map(start).collect()
}

/// Waits at a gate: blocks until somebody opens it for writing, and then until the last writer is gone.
fn pass(gate: &Path) -> io::Result<()> {
    std::fs::File::open(gate)?.read_to_end(&mut Vec::new()).map(drop)
}

fn reap_all(children: &[Pid]) -> nix::Result<()> {
    use nix::{
        libc,
        sys::wait::{WaitPidFlag, WaitStatus, waitpid},
    };
    use std::sync::{
        OnceLock,
        atomic::{AtomicUsize, Ordering},
    };
    static LEFT: AtomicUsize = AtomicUsize::new(0);
    static ALL: OnceLock<Vec<Pid>> = OnceLock::new();
    LEFT.store(children.len(), Ordering::SeqCst);
    let _ = ALL.set(children.to_vec());
    extern "C" fn on(_: i32) {
        while let Ok(WaitStatus::Exited(p, c)) = waitpid(None, Some(WaitPidFlag::WNOHANG)) {
            let n = ALL.get().into_iter().flatten().take_while(|it| **it != p).count() + 1;
            println!("child {n} exited with {c}");
            LEFT.fetch_sub(1, Ordering::SeqCst);
        }
    }
    // SAFETY: the handler prints, and that is not safe.
    unsafe { libc::signal(libc::SIGCHLD, on as *const () as usize) };
    on(0);
    while LEFT.load(Ordering::SeqCst) > 0 {
        // SAFETY: it takes no arguments.
        unsafe { libc::pause() };
    }
    Ok(())
}
