//! select, and one client a turn.

use nix::sys::select::{FdSet, select};
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

fn work(listener: &UnixListener) -> io::Result<Why> {
    loop {
        let stdin = io::stdin();
        let mut ready = FdSet::new();
        ready.insert(listener.as_fd());
        ready.insert(stdin.as_fd());
        select(None, &mut ready, None, None, None)?;
        if ready.contains(listener.as_fd()) {
            let _ = serve(listener.accept()?.0);
        }
        if ready.contains(stdin.as_fd()) {
            return Ok(if hear()? > 0 { Why::Told } else { Why::Alone });
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
