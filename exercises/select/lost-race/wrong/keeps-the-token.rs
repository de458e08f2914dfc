//! Whose turn it is has a byte out of a pipe, and does not put it back.
//! Told: "for what the other one never gives it"

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, fork};
use std::io::{self, PipeReader, Read as _, Write as _};
use std::os::fd::AsFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::process::{ExitCode, exit};

fn main() -> ExitCode {
    match run() {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("lost-race: {error}");
            ExitCode::from(2)
        }
    }
}

/// Two workers at one socket, one client, and then both are told to leave. The worst of their exit codes.
fn run() -> io::Result<u8> {
    let path = std::env::temp_dir().join("lost-race");
    // One that an earlier run has left.
    let _ = std::fs::remove_file(&path);
    let listener = UnixListener::bind(&path)?;
    let (orders, master) = io::pipe()?;
    let (turn, mut pass) = io::pipe()?;
    pass.write_all(b"!")?;
    fcntl(&turn, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
    let mut workers = Vec::new();
    for _ in 0..2 {
        // SAFETY: this program has one thread.
        match unsafe { fork() }? {
            ForkResult::Parent { child } => workers.push(child),
            ForkResult::Child => {
                drop(master);
                exit(work(&listener, &orders, &turn).map_or_else(
                    |error| {
                        eprintln!("worker: {error}");
                        1
                    },
                    |()| 0,
                ))
            }
        }
    }
    drop((listener, orders, turn, pass));
    let mut greeting = String::new();
    let heard =
        UnixStream::connect(&path).and_then(|mut client| client.read_to_string(&mut greeting));
    print!("client: {greeting}");
    // The end of the pipe tells both to leave.
    drop(master);
    let mut worst = 0;
    for worker in workers {
        match waitpid(worker, None)? {
            WaitStatus::Exited(_, code) => worst = worst.max(code as u8),
            _ => worst = u8::MAX,
        }
    }
    // Where a worker has failed, the client has heard nothing because of that.
    if worst == 0 {
        heard?;
    }
    Ok(worst)
}

/// A worker's life: greets the clients that it gets, until `orders` is at its end. Whose turn it is has the byte out of `turn`.
fn work(listener: &UnixListener, orders: &PipeReader, mut turn: &PipeReader) -> io::Result<()> {
    loop {
        if !is_ready(orders, turn)? {
            return Ok(());
        }
        match turn.read(&mut [0]) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
            Err(error) => return Err(error),
        }
        if !is_ready(orders, listener)? {
            return Ok(());
        }
        let (client, _) = listener.accept()?;
        serve(client)?;
    }
}

/// Sleeps for the one and the other. Whether it is the other, and not `orders`.
fn is_ready(orders: &PipeReader, other: &impl AsFd) -> io::Result<bool> {
    let mut sources = [orders.as_fd(), other.as_fd()].map(|fd| PollFd::new(fd, PollFlags::POLLIN));
    poll(&mut sources, PollTimeout::NONE)?;
    Ok(sources[0].any() != Some(true))
}

/// Greets one client.
fn serve(mut client: UnixStream) -> io::Result<()> {
    writeln!(client, "hello")
}
