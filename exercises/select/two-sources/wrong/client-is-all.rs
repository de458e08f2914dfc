//! A client that can't be greeted takes the worker along.
//! Told: "Broken pipe"

use std::io::{self, Read as _, Write as _};
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
    use nix::poll::*;
    use std::os::fd::AsFd;
    loop {
        let i = io::stdin();
        let mut p = [
            PollFd::new(i.as_fd(), PollFlags::POLLIN),
            PollFd::new(listener.as_fd(), PollFlags::POLLIN),
        ];
        poll(&mut p, PollTimeout::NONE)?;
        if p[0].any() == Some(true) {
            return Ok(if hear()? > 0 { Why::Told } else { Why::Alone });
        }
        if p[1].any() == Some(true) {
            let (c, _) = listener.accept()?;
            serve(c)?;
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
