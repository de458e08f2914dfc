//! Does not clear close-on-exec, neither before the fork nor behind it.
//! Told: "When the new program begins, the listener is closed"

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid, fork};
use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd, RawFd};
use std::os::unix::net::UnixListener;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

fn main() -> ExitCode {
    let args: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let [path, gate, second_gate] = args.as_slice() else {
        eprintln!("inherit-listener: expected the path of a socket, and those of two named pipes");
        return ExitCode::from(2);
    };
    let pid = std::process::id();
    match live(path, gate, second_gate) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("[{pid}] {error}");
            ExitCode::from(2)
        }
    }
}

/// The life of either: of the old program, until it hands over at the first gate; of the new one, which serves.
fn live(path: &Path, gate: &Path, second_gate: &Path) -> io::Result<u8> {
    let pid = std::process::id();
    if let Some(listener) = inherited()? {
        println!("[{pid}] inherited");
        run_somebody(second_gate)?;
        return serve(&listener).map(|()| 0);
    }
    let listener = UnixListener::bind(path)?;
    println!("[{pid}] bound");
    File::open(gate)?.read_to_end(&mut Vec::new())?;
    hand_over(listener)
}

/// Answers two clients.
fn serve(listener: &UnixListener) -> io::Result<()> {
    for _ in 0..2 {
        let (mut client, _) = listener.accept()?;
        writeln!(client, "served by pid {}", std::process::id())?;
    }
    Ok(())
}

/// Runs a program that has nothing to do with all this, as servers do, and waits for its end, which comes at the gate.
fn run_somebody(gate: &Path) -> io::Result<()> {
    let script = r#"echo "[sh] LISTENER_FD=$LISTENER_FD"; exec head -n 1 "$0""#;
    Command::new("sh").args(["-c", script]).arg(gate).status().map(drop)
}

fn hand_over(listener: UnixListener) -> io::Result<u8> {
    // SAFETY: this program has one thread.
    match unsafe { fork() }? {
        ForkResult::Child => Err(become_myself(listener.as_raw_fd())),
        ForkResult::Parent { child } => end_of(child),
    }
}

fn inherited() -> io::Result<Option<UnixListener>> {
    let Some(number) = std::env::var("LISTENER_FD").ok() else { return Ok(None) };
    // SAFETY: this program has one thread.
    unsafe { std::env::remove_var("LISTENER_FD") };
    let number = number.parse().map_err(io::Error::other)?;
    // SAFETY: whoever told us the number has left it open for us, and nobody else here knows it.
    let listener = unsafe { OwnedFd::from_raw_fd(number) };
    fcntl(&listener, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC))?;
    Ok(Some(listener.into()))
}

/// Waits for this child's end; returns what a shell would call its status.
fn end_of(child: Pid) -> io::Result<u8> {
    loop {
        match waitpid(child, None) {
            Ok(WaitStatus::Exited(_, code)) => return Ok(code as u8),
            Ok(WaitStatus::Signaled(_, signal, _)) => return Ok(128 + signal as u8),
            // Stopped or continued: it lives. Interrupted: nothing has happened yet.
            Ok(_) | Err(Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// Becomes this very program once more, told the same as this one, and `LISTENER_FD=number` besides.
fn become_myself(number: RawFd) -> io::Error {
    let mut again = Command::new("/proc/self/exe");
    again.args(std::env::args_os().skip(1)).env("LISTENER_FD", number.to_string()).exec()
}
