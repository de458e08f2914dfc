//! The listener becomes the standard input of the new program, which is found by the path of this one.

use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::fd::{FromRawFd as _, OwnedFd};
use std::os::unix::net::UnixListener;
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
    let mut again = Command::new(std::env::current_exe()?);
    again.args(std::env::args_os().skip(1)).env("LISTENER_FD", "0");
    let status = again.stdin(OwnedFd::from(listener)).status()?;
    Ok(status.code().unwrap_or(1) as u8)
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
