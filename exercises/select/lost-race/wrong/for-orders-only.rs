//! Who has lost sleeps for its orders, and for no client any more.
//! Told: "A worker sleeps in poll, for its orders only"

use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, fork};
use std::io::{self, PipeReader, Read as _, Write as _};
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

/// A worker's life: greets the clients that it gets, until `orders` is at its end. A client that another worker has taken is none of its own.
fn work(listener: &UnixListener, orders: &PipeReader) -> io::Result<()> {
    // loser waits for orders only
    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
    use std::os::fd::AsFd as _;
    listener.set_nonblocking(true)?;
    loop {
        let mut fds = [
            PollFd::new(listener.as_fd(), PollFlags::POLLIN),
            PollFd::new(orders.as_fd(), PollFlags::POLLIN),
        ];
        poll(&mut fds, PollTimeout::NONE)?;
        if fds[1].any() == Some(true) {
            return Ok(());
        }
        match listener.accept() {
            Ok((c, _)) => serve(c)?,
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
                let mut one = [PollFd::new(orders.as_fd(), PollFlags::POLLIN)];
                poll(&mut one, PollTimeout::NONE)?;
                return Ok(());
            }
            Err(e) => return Err(e),
        }
    }
}

/// Greets one client.
fn serve(mut client: UnixStream) -> io::Result<()> {
    writeln!(client, "hello")
}
