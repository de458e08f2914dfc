//! One thread sleeps for both sources, and gets up every fifty milliseconds; the first one only joins it.
//! Told: "P2 calls poll("

use nix::poll::{PollFd, PollFlags, poll};
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
    std::thread::scope(|scope| {
        let worker = scope.spawn(|| sleep_for_both(listener));
        worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

fn sleep_for_both(listener: &UnixListener) -> io::Result<Why> {
    loop {
        let stdin = io::stdin();
        let mut wanted =
            [listener.as_fd(), stdin.as_fd()].map(|fd| PollFd::new(fd, PollFlags::POLLIN));
        poll(&mut wanted, 50_u8)?;
        let [client, master] = wanted.map(|it| it.any() == Some(true));
        if master {
            return Ok(if hear()? == 0 { Why::Alone } else { Why::Told });
        }
        if client {
            let _ = serve(listener.accept()?.0);
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
