//! All clients who wait are greeted, and then the master is heard.
//! Told: "it greets all who wait, all in one turn"

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
#[allow(dead_code, reason = "until `work` returns one")]
enum Why {
    /// Its master has written to the pipe.
    Told,
    /// The pipe is at its end.
    Alone,
}

fn work(listener: &UnixListener) -> io::Result<Why> {
    listener.set_nonblocking(true)?;
    loop {
        let stdin = io::stdin();
        let mut sources =
            [stdin.as_fd(), listener.as_fd()].map(|fd| PollFd::new(fd, PollFlags::POLLIN));
        match poll(&mut sources, PollTimeout::NONE) {
            Ok(_) => {}
            Err(nix::errno::Errno::EINTR) => continue,
            Err(error) => return Err(error.into()),
        }
        let [command, client] = sources.map(|source| source.any().unwrap_or_default());
        if client {
            greet_all(listener)?;
        }
        if command {
            return Ok(if hear()? == 0 { Why::Alone } else { Why::Told });
        }
    }
}

fn greet_all(listener: &UnixListener) -> io::Result<()> {
    loop {
        match listener.accept() {
            Ok((client, _)) => serve(client)?,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error),
        }
    }
}

/// Greets one client.
#[allow(dead_code, reason = "until `work` calls it")]
fn serve(mut client: UnixStream) -> io::Result<()> {
    writeln!(client, "hello")
}

/// Reads what the master has written to the pipe, which is standard input: how many bytes; 0 at its end.
#[allow(dead_code, reason = "until `work` calls it")]
fn hear() -> io::Result<usize> {
    io::stdin().read(&mut [0; 16])
}
