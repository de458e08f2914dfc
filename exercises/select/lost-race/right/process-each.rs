//! Each client has a process of its own, which the worker makes when it has taken it.

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid, fork};
use std::io::{self, PipeReader, Read as _, Write as _};
use std::os::fd::AsFd as _;
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
    let mut workers = Vec::new();
    for _ in 0..2 {
        // SAFETY: this program has one thread.
        match unsafe { fork() }? {
            ForkResult::Parent { child } => workers.push(child),
            ForkResult::Child => {
                drop(master);
                exit(work(&listener, &orders).map_or_else(
                    |error| {
                        eprintln!("worker: {error}");
                        1
                    },
                    |()| 0,
                ))
            }
        }
    }
    drop((listener, orders));
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

fn work(listener: &UnixListener, orders: &PipeReader) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let mut clients: Vec<Pid> = Vec::new();
    loop {
        let mut sources =
            [listener.as_fd(), orders.as_fd()].map(|fd| PollFd::new(fd, PollFlags::POLLIN));
        poll(&mut sources, PollTimeout::NONE)?;
        if sources[1].any() == Some(true) {
            break;
        }
        match listener.accept() {
            // SAFETY: this program has one thread.
            Ok((client, _)) => match unsafe { fork() }? {
                ForkResult::Child => exit(serve(client).is_err().into()),
                ForkResult::Parent { child } => clients.push(child),
            },
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    clients.into_iter().try_for_each(|client| waitpid(client, None).map(drop))?;
    Ok(())
}

/// Greets one client.
fn serve(mut client: UnixStream) -> io::Result<()> {
    writeln!(client, "hello")
}
