//! Reads again what it has read: the pipe is empty then, and the master lives.
//! Told: "waits for more of the same"

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::io::{self, Read as _, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::process::ExitCode;

fn main() -> ExitCode {
    let Some(path) = std::env::args().nth(1) else {
        eprintln!("two-sources: expected the path of a socket");
        return ExitCode::from(2);
    };
    match UnixListener::bind(path).and_then(|listener| work(&listener)) {
        Ok(Why::Told) => println!("I was told to leave"),
        Ok(Why::Alone) => println!("my master is gone"),
        Err(error) => {
            eprintln!("two-sources: {error}");
            return ExitCode::from(2);
        }
    }
    ExitCode::SUCCESS
}

/// Why a worker leaves.
enum Why {
    /// Its master has written to the pipe.
    Told,
    /// The pipe is at its end.
    Alone,
}

/// Greets each client that comes, until the master says something on its pipe, or is gone.
fn work(listener: &UnixListener) -> io::Result<Why> {
    // Another worker may have been faster: accept must not sleep.
    listener.set_nonblocking(true)?;
    loop {
        let stdin = io::stdin();
        let mut sources =
            [stdin.as_fd(), listener.as_fd()].map(|fd| PollFd::new(fd, PollFlags::POLLIN));
        // No time limit: there is nothing to do in the meantime.
        match poll(&mut sources, PollTimeout::NONE) {
            Ok(_) => {}
            Err(nix::errno::Errno::EINTR) => continue,
            Err(error) => return Err(error.into()),
        }
        let [command, client] = sources.map(|source| source.any().unwrap_or_default());
        // The pipe first, so that a worker hears its master however many clients there are.
        if command {
            return Ok(if hear()? + hear()? == 0 { Why::Alone } else { Why::Told });
        }
        if client {
            match listener.accept() {
                Ok((client, _)) => serve(client)?,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
    }
}

/// Greets one client.
fn serve(mut client: UnixStream) -> io::Result<()> {
    writeln!(client, "hello")
}

/// Reads what the master has written to the pipe, which is standard input: how many bytes; 0 at its end.
fn hear() -> io::Result<usize> {
    io::stdin().read(&mut [0; 16])
}
