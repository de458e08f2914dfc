//! two-sources SOCKET: a worker with a listener and a pipe from its master, standard input.
//!
//! The tempting mistake is to serve a client and then look at the pipe, or the other way round: each of the two calls sleeps for its own source,
//! and is deaf to the other. The next temptation is to ask both without sleeping, in a loop: it hears everything, and keeps a processor
//! busy with it. One call has to sleep for both.
//!
//! The third mistake shows when the master dies. Its end of the pipe is closed, and a pipe at its end is readable, now and for ever: a worker that
//! takes no notice of the 0 comes back from `poll` at once, each time. Taken as news, it is the best message there is, for nobody has to
//! send it.

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
            return Ok(if hear()? == 0 { Why::Alone } else { Why::Told });
        }
        if client {
            match listener.accept() {
                // That it has left is its own concern.
                Ok((client, _)) => drop(serve(client)),
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
